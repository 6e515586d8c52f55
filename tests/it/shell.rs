//! What helps at a shell: error codes explained, completions, man pages.

use crate::program::Place;

#[test]
fn a_code_is_explained_and_one_that_is_unknown_is_a_usage_error() {
    let place = Place::new();
    let ended = place.run(["explain", "notfound"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.starts_with("NotFound\n"), "{ended:#?}");
    assert!(ended.stdout.contains("cure: "), "{ended:#?}");
    let all = place.run(["explain"]);
    assert!(all.stdout.contains(&ended.stdout), "{all:#?}");
    let unknown = place.run(["explain", "Nope"]);
    assert_eq!(unknown.code, Some(2), "{unknown:#?}");
    assert!(unknown.stderr.contains("`Nope`"), "{unknown:#?}");
}

#[test]
fn completions_and_man_pages_know_each_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ended = place.run(["completions", shell]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.stdout.contains("retry"), "{shell}");
    }
    std::fs::create_dir(place.path("man")).unwrap();
    assert_eq!(place.run(["man", "man"]).code, Some(0));
    let page = std::fs::read_to_string(place.path("man").join("chime-bulk-retry.1")).unwrap();
    assert!(page.contains("codes"), "{page}");
}
