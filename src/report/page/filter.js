(() => {
  const box = document.getElementById('filter');
  if (!box) return;
  const channel = document.getElementById('filter-channel');
  const code = document.getElementById('filter-code');
  const shown = document.getElementById('filter-shown');
  const apply = () => {
    const part = channel.value.trim().toLowerCase(), wanted = code.value;
    let all = 0, left = 0;
    document.querySelectorAll('[data-code]').forEach(e => { e.hidden = wanted && e.dataset.code !== wanted; });
    document.querySelectorAll('tr[data-channel]').forEach(row => {
      const codes = row.dataset.codes;
      row.hidden = !row.dataset.channel.toLowerCase().includes(part)
        || (wanted && codes !== undefined && !codes.split('\n').includes(wanted));
      if (codes !== undefined) { all += 1; left += row.hidden ? 0 : 1; }
    });
    shown.textContent = part || wanted ? left + ' of the ' + all + ' channels below match' : '';
  };
  channel.addEventListener('input', apply);
  code.addEventListener('input', apply);
  box.hidden = false;
})();
