//! The figures, one line each, printed as they are taken.
#![expect(clippy::print_stdout, reason = "the table is what this program is for")]

/// Figures taken so far.
pub(crate) struct Table {
    over: usize,
}

impl Table {
    /// Prints the head.
    pub(crate) fn begin(rows: u64) -> Self {
        println!("\nbudgets at {rows} rows\n");
        println!("{:<62} {:>10} {:>10}", "figure", "value", "budget");
        Self { over: 0 }
    }

    /// A figure that must not be above its budget.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str, budget: f64) {
        let is_over = value > budget;
        self.over += usize::from(is_over);
        let verdict = if is_over { "OVER" } else { "ok" };
        let (value, budget) = (shown(value, unit), shown(budget, unit));
        println!("{name:<62} {value:>10} {budget:>10}  {verdict}");
    }

    /// A figure without a budget: what a ratio was made of.
    pub(crate) fn detail(name: &str, value: f64, unit: &str) {
        println!("  {name:<60} {:>10}", shown(value, unit));
    }

    /// Prints how many are over.
    pub(crate) fn end(self) {
        println!("\n{} over budget", self.over);
    }
}

fn shown(value: f64, unit: &str) -> String {
    if unit.is_empty() {
        format!("{value:.2}")
    } else {
        format!("{value:.2} {unit}")
    }
}
