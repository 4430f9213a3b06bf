//! Every file of a corpus, through its target: what was found once stays found.

use std::path::Path;

use sovereign_fuzz::TARGETS;

#[test]
fn the_corpora_hold() {
    for (name, target) in TARGETS {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut files = 0;
        for entry in std::fs::read_dir(&corpus).unwrap() {
            let path = entry.unwrap().path();
            eprintln!("{}", path.display());
            target(&std::fs::read(&path).unwrap());
            files += 1;
        }
        assert!(files > 0, "{} is empty", corpus.display());
    }
}
