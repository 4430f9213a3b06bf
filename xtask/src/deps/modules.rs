//! Reads the modules of one crate and the paths in them. Code under `#[cfg(test)]` is left out.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, Item, ItemMod, Lit, Meta, UseTree};

/// A path that a module names, with `crate`, `self` and `super` resolved to a leading `crate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Top-level module that contains the path; empty in the crate root.
    pub(crate) module: String,
    /// Segments of the path; a macro call ends in `name!`.
    pub(crate) segments: Vec<String>,
    /// File that contains the path, relative to the package.
    pub(crate) file: String,
}

/// Everything that one crate names.
#[derive(Debug, Default)]
pub(crate) struct CrateSource {
    /// Top-level modules.
    pub(crate) modules: Vec<String>,
    pub(crate) references: Vec<Reference>,
}

impl CrateSource {
    /// Reads the crate whose root is `root`, a file of `package`.
    pub(crate) fn read(package: &Path, root: &Path) -> Result<Self> {
        let mut source = Self::default();
        source.read_file(package, root, &[], root.parent().unwrap_or(package))?;
        Ok(source)
    }

    /// Top-level module that `reference` leads to, if it is in the same crate. A name that the crate root re-exports
    /// leads to the module that defines it.
    pub(crate) fn target_module<'a>(&'a self, reference: &'a Reference) -> Option<&'a str> {
        let [first, name, ..] = reference.segments.as_slice() else { return None };
        if first != "crate" {
            return None;
        }
        if self.modules.contains(name) {
            return Some(name);
        }
        let exports = self.references.iter().filter(|export| export.module.is_empty());
        let mut exports = exports.filter(|export| export.segments.len() > 2);
        let export = exports.find(|export| export.segments.last() == Some(name))?;
        export.segments.get(1).filter(|module| self.modules.contains(module)).map(String::as_str)
    }

    fn read_file(&mut self, package: &Path, file: &Path, module: &[String], children: &Path) -> Result<()> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let parsed = syn::parse_file(&text).with_context(|| format!("cannot parse {}", file.display()))?;
        let name = file.strip_prefix(package).unwrap_or(file).display().to_string();
        let mut visitor =
            PathVisitor { module: module.to_vec(), file: name, found: Vec::new(), files: Vec::new() };
        visitor.visit_file(&parsed);
        self.references.append(&mut visitor.found);
        for (path, explicit) in visitor.files {
            if let [top] = path.as_slice() {
                self.modules.push(top.clone());
            }
            let mut directory = children.to_path_buf();
            directory.extend(path.iter().skip(module.len()));
            let candidates = match explicit {
                Some(explicit) => [file.with_file_name(explicit), PathBuf::new()],
                None => [directory.with_extension("rs"), directory.join("mod.rs")],
            };
            if let Some(found) = candidates.iter().find(|candidate| candidate.is_file()) {
                self.read_file(package, found, &path, &directory)?;
            }
        }
        Ok(())
    }
}

/// Collects the paths of one file and the modules that it declares in files of their own.
struct PathVisitor {
    module: Vec<String>,
    file: String,
    found: Vec<Reference>,
    files: Vec<(Vec<String>, Option<String>)>,
}

impl PathVisitor {
    fn add(&mut self, mut segments: Vec<String>) {
        let mut base = self.module.clone();
        match segments.first().map(String::as_str) {
            Some("self") => drop(segments.remove(0)),
            Some("super") => {}
            // In the crate root a module is named without `crate`.
            _ if self.module.is_empty() && segments.len() > 1 && !segments[0].ends_with('!') => {
                let local = self.files.iter().any(|(path, _)| path.first() == segments.first());
                if segments[0] != "crate" && local {
                    segments.insert(0, "crate".to_owned());
                }
                return self.push(segments);
            }
            _ => return self.push(segments),
        }
        while segments.first().is_some_and(|segment| segment == "super") {
            segments.remove(0);
            base.pop();
        }
        let whole = std::iter::once("crate".to_owned()).chain(base).chain(segments).collect();
        self.push(whole);
    }

    fn push(&mut self, segments: Vec<String>) {
        let module = self.module.first().cloned().unwrap_or_default();
        self.found.push(Reference { module, segments, file: self.file.clone() });
    }

    fn add_use(&mut self, tree: &UseTree, prefix: &[String]) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&path.tree, &with(path.ident.to_string())),
            UseTree::Name(name) => self.add(with(name.ident.to_string())),
            UseTree::Rename(rename) => self.add(with(rename.ident.to_string())),
            UseTree::Glob(_) => self.add(prefix.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_use(tree, prefix)),
        }
    }
}

impl<'ast> Visit<'ast> for PathVisitor {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        let name = item.ident.to_string();
        self.module.push(name);
        if item.content.is_some() {
            visit::visit_item_mod(self, item);
        } else {
            self.files.push((self.module.clone(), explicit_path(&item.attrs)));
        }
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.add(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if let Some(name) = call.path.segments.last() {
            self.add(vec![format!("{}!", name.ident)]);
        }
        // The arguments have no syntax of their own: paths and calls are found by their tokens.
        let text = call.tokens.to_string().replace(" :: ", "::").replace(" ! (", "!(");
        for word in text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':' | '!'))) {
            if word.contains("::") || word.ends_with('!') {
                let segments = word.split("::").filter(|part| !part.is_empty());
                self.add(segments.map(str::to_owned).collect());
            }
        }
        visit::visit_macro(self, call);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        _ => &[],
    }
}

/// Reports whether the attributes are `#[cfg(test)]` or `#[test]`.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        Meta::NameValue(_) => false,
    })
}

fn explicit_path(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(value) = &pair.value else { return None };
        let Lit::Str(text) = &value.lit else { return None };
        pair.path.is_ident("path").then(|| text.value())
    })
}

/// Files of a module tree, for tests: path and text.
#[cfg(test)]
pub(crate) fn write_fixture(directory: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}
