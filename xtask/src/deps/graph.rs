//! Directed graph of named nodes; every edge keeps the files that cause it.

use std::collections::{BTreeMap, BTreeSet};

/// Edges by source and target, with the places that cause them.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<String, BTreeMap<String, BTreeSet<String>>>);

impl Graph {
    pub(crate) fn add_node(&mut self, node: &str) {
        self.0.entry(node.to_owned()).or_default();
    }

    pub(crate) fn add_edge(&mut self, from: &str, to: &str, place: &str) {
        self.add_node(to);
        self.0.entry(from.to_owned()).or_default().entry(to.to_owned()).or_default().insert(place.to_owned());
    }

    /// One line per node: its name and the nodes that it depends on.
    pub(crate) fn lines(&self) -> Vec<String> {
        let line = |(from, edges): (&String, &BTreeMap<String, BTreeSet<String>>)| {
            let targets = edges.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            if targets.is_empty() { from.clone() } else { format!("{from} -> {targets}") }
        };
        self.0.iter().map(line).collect()
    }

    /// Strongly connected components of at least two nodes.
    pub(crate) fn cycles(&self) -> Vec<Vec<String>> {
        let reachable: BTreeMap<_, _> = self.0.keys().map(|node| (node, self.reachable(node))).collect();
        let mut cycles = BTreeSet::new();
        for (node, targets) in &reachable {
            let component: Vec<String> =
                targets.iter().filter(|to| reachable[*to].contains(*node)).cloned().collect();
            if component.len() > 1 {
                cycles.insert(component);
            }
        }
        cycles.into_iter().collect()
    }

    /// Edges inside `component`, each with the places that cause it.
    pub(crate) fn edges_within(&self, component: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        for (from, edges) in self.0.iter().filter(|(from, _)| component.contains(from)) {
            for (to, places) in edges.iter().filter(|(to, _)| component.contains(to)) {
                let places = places.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
                lines.push(format!("{from} -> {to}: {places}"));
            }
        }
        lines
    }

    /// Nodes that a path of at least one edge leads to.
    fn reachable(&self, start: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut pending = vec![start];
        while let Some(node) = pending.pop() {
            for target in self.0.get(node).into_iter().flat_map(BTreeMap::keys) {
                if found.insert(target.clone()) {
                    pending.push(target);
                }
            }
        }
        found
    }
}
