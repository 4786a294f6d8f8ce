//! A decider as a table: every state in a row, every command in a column.

use std::fmt::Debug;

use crate::Decider;

/// The states of a decider and the commands that it is given, all by name.
pub struct Paths<D: Decider> {
    /// Every command under the name of its column.
    pub commands: fn() -> Vec<(&'static str, D::Command)>,
    /// Every state that can be reached, under the name of its row, as the commands that lead there.
    pub states: &'static [(&'static str, &'static [&'static str])],
}

impl<D: Decider<Rejection: Debug>> Paths<D> {
    /// Every state's history, under the name of its row.
    pub fn histories(&self) -> Vec<(&'static str, Vec<D::Event>)> {
        self.states.iter().map(|(name, path)| (*name, self.walk(name, path))).collect()
    }

    /// The history that leads to the state of this name.
    pub fn history(&self, name: &str) -> Vec<D::Event> {
        let (_, path) = self.states.iter().find(|(row, _)| *row == name).expect("the state has a path");
        self.walk(name, path)
    }

    /// Each command on the way must be allowed, and do something.
    fn walk(&self, name: &str, path: &[&str]) -> Vec<D::Event> {
        let mut events = Vec::new();
        for step in path {
            let mut commands = (self.commands)().into_iter();
            let (_, command) = commands.find(|(column, _)| column == step).expect("it is a command");
            let decided = D::decide(&D::replay(&events), command).expect("the path is allowed");
            assert!(!decided.is_empty(), "{step} does nothing on the way to {name}");
            events.extend(decided);
        }
        events
    }
}

impl<D> Paths<D>
where
    D: Decider<Command: Clone, Event: PartialEq + Debug, Rejection: PartialEq + Debug>,
{
    /// Every command leads in every state to what its cell of `table` says, as `expected` spells out of the cell, the
    /// name of its column, the state and the command. The first line of the table names the commands, each further one
    /// begins with the name of its state; `|` is for the eye.
    #[track_caller]
    pub fn hold(
        &self,
        table: &str,
        expected: impl Fn(&str, &str, &D::State, &D::Command) -> Result<Vec<D::Event>, D::Rejection>,
    ) {
        let mut rows = table.lines().filter(|line| !line.trim().is_empty()).map(cells);
        let columns = rows.next().expect("the first line names the commands");
        let names: Vec<_> = (self.commands)().iter().map(|(column, _)| *column).collect();
        assert_eq!(columns, names, "every command has a column");

        let rows: Vec<_> = rows.collect();
        let states: Vec<_> = self.states.iter().map(|(row, _)| *row).collect();
        assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), states, "every state has a row");

        for (row, (name, history)) in rows.iter().zip(self.histories()) {
            assert_eq!(row.len(), columns.len() + 1, "{name} has a cell for every command");
            let state = D::replay(&history);
            for (cell, (column, command)) in row[1..].iter().zip((self.commands)()) {
                let decision = D::decide(&state, command.clone());
                assert_eq!(decision, expected(cell, column, &state, &command), "{name} × {column}");
            }
        }
    }
}

fn cells(line: &str) -> Vec<&str> {
    line.split_whitespace().filter(|cell| *cell != "|").collect()
}
