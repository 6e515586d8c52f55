//! The ledger's tables. Each is described once; the SQL to create, write and verify it follows from
//! that.
//!
//! Promises: a row's checksum covers every column. Every table also has a column `checksum`, and a
//! temporary view `verified_TABLE` through which it is read: see [`super::checksum`].
//!
//! Columns named `rows` contain ascending row numbers as a JSON array: the first number, then the
//! gaps to the next: `[7,1,1,5]` means 7, 8, 9, 14. Times are milliseconds since 1970.

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    name: &'static str,
    /// What it contains, as lines of a comment in the schema.
    comment: &'static [&'static str],
    /// Names, each with its SQL type.
    columns: &'static [(&'static str, &'static str)],
    /// The columns by which rows are stored, if that is not an integer in the first one.
    key: Option<&'static str>,
}

/// Every table.
pub(super) static TABLES: [&Table; 14] = [
    &FACT, &PAGE, &CHANNEL, &LANE, &DEFECT, &DUPLICATE, &SUSPECT, &QUEUE, &CALL, &VERDICT, &PASS,
    &SESSION, &FINDING, &LISTED,
];

pub(super) static FACT: Table = Table {
    name: "fact",
    comment: &["Facts about the run as a whole: settings, layout of the list, state, counts."],
    columns: &[("name", "TEXT NOT NULL"), ("value", "TEXT NOT NULL")],
    key: Some("name"),
};

pub(super) static PAGE: Table = Table {
    name: "page",
    comment: &[
        "The list: each page a JSON array of 64 records. A record is the array of its fields as they",
        "were in the list, or null for a row that was filtered out or is of another shard.",
    ],
    columns: &[("id", "INTEGER PRIMARY KEY"), ("records", "TEXT NOT NULL")],
    key: None,
};

pub(super) static CHANNEL: Table = Table {
    name: "channel",
    comment: &["The channels of the list, numbered from 0 in its order."],
    columns: &[("id", "INTEGER PRIMARY KEY"), ("arn", "TEXT NOT NULL")],
    key: None,
};

pub(super) static LANE: Table = Table {
    name: "lane",
    comment: &[
        "The members of one channel that are added in the same way, and so may share a call.",
        "closed_code: why nothing more is sent to it; its rows that were never sent failed with that.",
    ],
    columns: &[
        ("id", "INTEGER PRIMARY KEY"),
        ("channel", "INTEGER NOT NULL"),
        ("type", "TEXT NOT NULL"),
        ("sub_channel", "TEXT"),
        ("closed_code", "TEXT"),
        ("closed_message", "TEXT"),
    ],
    key: None,
};

pub(super) static DEFECT: Table = Table {
    name: "defect",
    comment: &["Rows that are not sent, and why."],
    columns: &[
        ("row", "INTEGER PRIMARY KEY"),
        ("column_name", "TEXT NOT NULL"),
        ("reason", "TEXT NOT NULL"),
    ],
    key: None,
};

pub(super) static DUPLICATE: Table = Table {
    name: "duplicate",
    comment: &["Rows that repeat the membership of an earlier row, and are not sent."],
    columns: &[
        ("row", "INTEGER PRIMARY KEY"),
        ("of_row", "INTEGER NOT NULL"),
    ],
    key: None,
};

pub(super) static SUSPECT: Table = Table {
    name: "suspect",
    comment: &["Rows that may be duplicates, held back until the whole list is read."],
    columns: &[("row", "INTEGER PRIMARY KEY"), ("lane", "INTEGER NOT NULL")],
    key: None,
};

pub(super) static QUEUE: Table = Table {
    name: "queue",
    comment: &[
        "Rows to send, by lane, in the order of seq. rows, here and elsewhere: ascending row numbers",
        "as a JSON array of the first number, then the gaps: [7,1,1,5] means 7, 8, 9, 14.",
    ],
    columns: &[
        ("lane", "INTEGER NOT NULL"),
        ("seq", "INTEGER NOT NULL"),
        ("count", "INTEGER NOT NULL"),
        ("rows", "TEXT NOT NULL"),
    ],
    key: Some("lane, seq"),
};

pub(super) static CALL: Table = Table {
    name: "call",
    comment: &[
        "Calls, written before they are sent. operation: 'batch', 'single' for the operation that adds",
        "one member, 'remove', or 'read'. settled_at: null while a call is in flight, and if the process died",
        "then. date: the server's clock when it answered an add, in seconds since 1970. refusal: the kind of",
        "failure, if the call was refused or lost as a whole. Other times are milliseconds since 1970.",
    ],
    columns: &[
        ("id", "INTEGER PRIMARY KEY"),
        ("lane", "INTEGER NOT NULL"),
        ("operation", "TEXT NOT NULL"),
        ("bearer", "TEXT NOT NULL"),
        ("rows", "TEXT NOT NULL"),
        ("members", "INTEGER NOT NULL"),
        ("fresh", "INTEGER NOT NULL"),
        ("sent_at", "INTEGER NOT NULL"),
        ("settled_at", "INTEGER"),
        ("date", "INTEGER"),
        ("refusal", "TEXT"),
        ("code", "TEXT"),
        ("message", "TEXT"),
    ],
    key: None,
};

pub(super) static VERDICT: Table = Table {
    name: "verdict",
    comment: &[
        "What was decided for rows of a call; of several for one row the last holds. outcome: 'again'",
        "if they are retried. rows: null if it is all of the call's. charged: counted as an attempt.",
    ],
    columns: &[
        ("id", "INTEGER PRIMARY KEY"),
        ("call", "INTEGER NOT NULL"),
        ("outcome", "TEXT NOT NULL"),
        ("charged", "INTEGER NOT NULL"),
        ("in_doubt", "INTEGER NOT NULL"),
        ("code", "TEXT"),
        ("message", "TEXT"),
        ("first_row", "INTEGER NOT NULL"),
        ("last_row", "INTEGER NOT NULL"),
        ("rows", "TEXT"),
    ],
    key: None,
};

pub(super) static PASS: Table = Table {
    name: "pass",
    comment: &[
        "Passes after the first, in which failed rows are retried, numbered from 2. Calls from",
        "first_call on are part of it. codes: the error codes it is limited to, as a JSON array.",
    ],
    columns: &[
        ("id", "INTEGER PRIMARY KEY"),
        ("begun_at", "INTEGER NOT NULL"),
        ("codes", "TEXT"),
        ("first_call", "INTEGER NOT NULL"),
    ],
    key: None,
};

pub(super) static SESSION: Table = Table {
    name: "session",
    comment: &[
        "Sessions: the processes that worked on the run. worked_until: the time of the last commit, so",
        "the time of a session that was killed counts too. Calls from first_call on are part of it.",
    ],
    columns: &[
        ("id", "INTEGER PRIMARY KEY"),
        ("begun_at", "INTEGER NOT NULL"),
        ("worked_until", "INTEGER NOT NULL"),
        ("first_call", "INTEGER NOT NULL"),
    ],
    key: None,
};

pub(super) static FINDING: Table = Table {
    name: "finding",
    comment: &[
        "What the service answered to the questions of a list of questions, numbered within each row.",
        "page: of a listing, from 0; what comes before the last page 0 of a row does not count. finding:",
        "JSON; an ARN that begins with a slash is of the channel's app instance.",
    ],
    columns: &[
        ("row", "INTEGER NOT NULL"),
        ("number", "INTEGER NOT NULL"),
        ("page", "INTEGER NOT NULL"),
        ("call", "INTEGER NOT NULL"),
        ("finding", "TEXT NOT NULL"),
    ],
    key: Some("row, number"),
};

pub(super) static LISTED: Table = Table {
    name: "listed",
    comment: &["Rows that were settled without a call, by what a listing of their channel had."],
    columns: &[
        ("id", "INTEGER PRIMARY KEY"),
        ("outcome", "TEXT NOT NULL"),
        ("code", "TEXT NOT NULL"),
        ("message", "TEXT NOT NULL"),
        ("rows", "TEXT NOT NULL"),
    ],
    key: None,
};

impl Table {
    /// The statement that creates it.
    pub(super) fn create(&self) -> String {
        let columns = self.columns.iter();
        let mut parts: Vec<String> = columns
            .map(|(name, kind)| format!("{name} {kind}"))
            .collect();
        parts.push("checksum INTEGER NOT NULL".to_owned());
        parts.extend(self.key.map(|key| format!("PRIMARY KEY ({key})")));
        // SQLite keeps comments within a statement: `.schema` prints them.
        format!(
            "CREATE TABLE {} (\n    -- {}\n    {}\n){};\n",
            self.name,
            self.comment.join("\n    -- "),
            parts.join(",\n    "),
            self.key.map_or("", |_| " WITHOUT ROWID"),
        )
    }

    /// The statement that creates the view of its verified rows.
    pub(super) fn create_view(&self) -> String {
        let (name, verified) = (self.name, self.verified());
        format!("CREATE TEMP VIEW verified_{name} AS SELECT * FROM {name} WHERE {verified};")
    }

    /// The query that verifies every row; none for the list, which is large and verified page by
    /// page as it is read.
    pub(super) fn verify(&self) -> Option<String> {
        let name = self.name;
        (name != PAGE.name).then(|| format!("SELECT count(*) FROM verified_{name}"))
    }

    /// The statement that removes all its rows.
    pub(super) fn clear(&self) -> String {
        format!("DELETE FROM {};\n", self.name)
    }

    /// The query for all its rows, verified, in the order of their key.
    pub(super) fn select(&self) -> String {
        let (name, columns) = (self.name, self.columns());
        let key = self.key.unwrap_or(self.columns[0].0);
        format!("SELECT {columns} FROM verified_{name} ORDER BY {key}")
    }

    /// The statement that inserts a row: a parameter for each column.
    pub(super) fn insert(&self) -> String {
        self.write_values("INSERT")
    }

    /// The statement that inserts a row in place of one with the same key: a parameter for each
    /// column.
    pub(super) fn replace(&self) -> String {
        self.write_values("REPLACE")
    }

    fn write_values(&self, verb: &str) -> String {
        let (name, columns) = (self.name, self.columns());
        let values = parameters(self.columns.len());
        let checksum = self.checksum(&values);
        format!("{verb} INTO {name} ({columns}, checksum) VALUES ({values}, {checksum})")
    }

    /// The statement that inserts a row with the next `id`: a parameter for each other column.
    pub(super) fn append(&self) -> String {
        let (name, columns) = (self.name, self.columns());
        let values = format!("id, {}", parameters(self.columns.len() - 1));
        let checksum = self.checksum(&values);
        format!(
            "INSERT INTO {name} ({columns}, checksum) SELECT {values}, {checksum}
             FROM (SELECT coalesce(max(id), 0) + 1 AS id FROM {name})"
        )
    }

    /// The statement that inserts what a query returns, which names every column.
    pub(super) fn insert_from(&self, query: &str) -> String {
        let (name, columns) = (self.name, self.columns());
        let checksum = self.checksum(&columns);
        format!(
            "INSERT INTO {name} ({columns}, checksum) SELECT {columns}, {checksum} FROM ({query})"
        )
    }

    /// The statement that sets these columns, each to the expression beside it, and renews the
    /// checksum of each row that it changes.
    ///
    /// It verifies each row first: otherwise the new checksum would hide earlier damage.
    pub(super) fn update(&self, values: &[(&str, &str)], condition: &str) -> String {
        let value_of = |(column, _): &(&'static str, _)| {
            let set = values.iter().find(|(name, _)| name == column);
            set.map_or(*column, |(_, value)| *value)
        };
        let new_row: Vec<&str> = self.columns.iter().map(value_of).collect();
        let mut assignments: Vec<String> = values
            .iter()
            .map(|(column, value)| format!("{column} = {value}"))
            .collect();
        assignments.push(format!("checksum = {}", self.checksum(&new_row.join(", "))));
        format!(
            "UPDATE {} SET {} WHERE {condition} AND {}",
            self.name,
            assignments.join(", "),
            self.verified()
        )
    }

    /// The statement that computes the checksums of all rows anew.
    pub(super) fn rewrite_checksums(&self) -> String {
        let (name, checksum) = (self.name, self.checksum(&self.columns()));
        format!("UPDATE {name} SET checksum = {checksum};")
    }

    /// The names of its columns, but for the checksum.
    fn columns(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The expression that computes the checksum of a row of these values.
    fn checksum(&self, values: &str) -> String {
        format!("checksum('{}', {values})", self.name)
    }

    /// The condition that fails the query for a row that is not as it was written.
    fn verified(&self) -> String {
        format!("verified(checksum, '{}', {})", self.name, self.columns())
    }
}

/// The first `count` parameters of a statement.
fn parameters(count: usize) -> String {
    let parameters: Vec<String> = (1..=count).map(|n| format!("?{n}")).collect();
    parameters.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    static NOTE: Table = Table {
        name: "note",
        comment: &["What is noted,", "and when."],
        columns: &[
            ("id", "INTEGER PRIMARY KEY"),
            ("text", "TEXT"),
            ("at", "INTEGER"),
        ],
        key: None,
    };

    #[test]
    fn every_statement_covers_every_column() {
        assert_eq!(
            NOTE.create(),
            "CREATE TABLE note (\n    -- What is noted,\n    -- and when.\n    id INTEGER PRIMARY KEY,\n    text TEXT,\n    at INTEGER,\n    checksum INTEGER NOT NULL\n);\n"
        );
        assert_eq!(
            NOTE.insert(),
            "INSERT INTO note (id, text, at, checksum) VALUES (?1, ?2, ?3, checksum('note', ?1, ?2, ?3))"
        );
        assert_eq!(
            NOTE.append().split(" FROM ").next().map(str::trim_end),
            Some(
                "INSERT INTO note (id, text, at, checksum) SELECT id, ?1, ?2, checksum('note', id, ?1, ?2)"
            )
        );
        assert_eq!(
            NOTE.update(&[("at", "?2")], "id = ?1"),
            "UPDATE note SET at = ?2, checksum = checksum('note', id, text, ?2) \
             WHERE id = ?1 AND verified(checksum, 'note', id, text, at)"
        );
    }
}
