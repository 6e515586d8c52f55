//! The table of figures. Each line is printed once it is measured.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

/// Counts the figures that are over their budget.
pub(crate) struct Table {
    over: usize,
}

impl Table {
    /// Prints the header.
    pub(crate) fn begin(rows: u64) -> Self {
        println!("\nbudgets at {rows} rows\n");
        println!("{:<62} {:>10} {:>10}", "figure", "value", "budget");
        Self { over: 0 }
    }

    /// Prints a figure with its budget.
    pub(crate) fn figure(&mut self, name: &str, value: f64, unit: &str, budget: f64) {
        let is_over = value > budget;
        self.over += usize::from(is_over);
        let result = if is_over { "OVER" } else { "ok" };
        let (value, budget) = (with_unit(value, unit), with_unit(budget, unit));
        println!("{name:<62} {value:>10} {budget:>10}  {result}");
    }

    /// Prints a figure without a budget, such as one side of a ratio.
    pub(crate) fn detail(name: &str, value: f64, unit: &str) {
        println!("  {name:<60} {:>10}", with_unit(value, unit));
    }

    /// Prints the number of figures over budget.
    pub(crate) fn end(self) {
        println!("\n{} over budget", self.over);
    }
}

fn with_unit(value: f64, unit: &str) -> String {
    if unit.is_empty() {
        format!("{value:.2}")
    } else {
        format!("{value:.2} {unit}")
    }
}
