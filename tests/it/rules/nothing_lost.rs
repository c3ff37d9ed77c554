//! Rule 5: nothing is lost, and equal values have one form.

use crate::world::{World, on_all};

const NONE: [&str; 0] = [];

impl World {
    /// Returns the `extra` column of avatar `a`.
    async fn extra(&mut self) -> String {
        self.cell("SELECT extra FROM avatars WHERE avatar_id = 'a'").await
    }

    /// Polls avatar `a` twice with the field `x`, and asserts that the second poll changes nothing.
    async fn says_the_same(&mut self, one: &str, other: &str) {
        self.start_over().await;
        self.avatars(&format!(r#"{{"avatar_id":"a","x":{one}}}"#)).await;
        let facts = self.facts().await;
        self.avatars(&format!(r#"{{"avatar_id":"a","x":{other}}}"#)).await;
        assert_eq!(self.facts().await, facts, "{one} {other}");
    }

    /// Like [`World::says_the_same`], but asserts a change.
    async fn differs(&mut self, one: &str, other: &str) {
        self.start_over().await;
        self.avatars(&format!(r#"{{"avatar_id":"a","x":{one}}}"#)).await;
        let report = self.avatars(&format!(r#"{{"avatar_id":"a","x":{other}}}"#)).await;
        assert_eq!(report.row.counts.unwrap().changed, 1, "{one} {other}");
    }
}

on_all! {
    async fn a_field_without_a_column_is_kept_in_extra(world: World) {
        world.avatars(r#"{"avatar_id":"a","zoom":{"b":[1,{"d":null,"c":true}],"a":"é\n"},"none":null}"#).await;
        assert_eq!(world.extra().await, r#"{"zoom":{"a":"é\n","b":[1,{"c":true,"d":null}]}}"#);
        world.avatars(r#"{"avatar_id":"a","zoom":{"b":[1,{"d":null,"c":false}],"a":"é\n"},"none":null}"#).await;
        assert_eq!(
            world.field_changes().await,
            ["2|a|2|zoom|{\"a\":\"é\\n\",\"b\":[1,{\"c\":true,\"d\":null}]}|{\"a\":\"é\\n\",\"b\":[1,{\"c\":false,\"d\":null}]}"]
        );
    }

    async fn extra_is_null_when_there_is_nothing_to_keep(world: World) {
        world.avatars(r#"{"avatar_id":"a","gender":"x","none":null}"#).await;
        assert_eq!(world.extra().await, "∅");
        world.avatars(r#"{"avatar_id":"a","gender":"x","none":1}"#).await;
        world.avatars(r#"{"avatar_id":"a","gender":"x","none":null}"#).await;
        assert_eq!(world.extra().await, "∅");
    }

    async fn a_value_that_its_column_cannot_hold_is_kept_in_extra(world: World) {
        world.avatars(r#"{"avatar_id":"a","premium":"yes","gender":5,"tags":["x",1],"type":[],"avatar_name":{"k":1}}"#).await;
        assert_eq!(
            world.lines("SELECT avatar_name, gender, premium, type, tags, extra FROM avatars WHERE avatar_id = 'a'").await,
            [r#"∅|∅|∅|∅|∅|{"avatar_name":{"k":1},"gender":5,"premium":"yes","tags":["x",1],"type":[]}"#]
        );
        let before = world.facts().await;
        world.avatars(r#"{"avatar_id":"a","type":[],"premium":"yes","gender":5,"tags":["x",1],"avatar_name":{"k":1}}"#).await;
        assert_eq!(world.facts().await, before);
        world.avatars(r#"{"avatar_id":"a","premium":"no","gender":5,"tags":[1,"x"],"type":[],"avatar_name":{"k":1}}"#).await;
        assert_eq!(
            world.field_changes().await,
            [r#"2|a|2|premium|yes|no"#, r#"2|a|2|tags|["x",1]|[1,"x"]"#].map(|line| line.replacen('2', "3", 1))
        );
    }

    async fn a_value_that_fits_again_moves_to_its_column(world: World) {
        world.avatars(r#"{"avatar_id":"a","premium":true}"#).await;
        world.avatars(r#"{"avatar_id":"a","premium":1}"#).await;
        world.avatars(r#"{"avatar_id":"a","premium":false}"#).await;
        assert_eq!(
            world.lines("SELECT version, opened_by, premium, extra FROM avatar_history WHERE avatar_id = 'a' ORDER BY 1").await,
            ["1|added|1|∅", r#"2|learned|∅|{"premium":1}"#, "3|learned|0|∅"]
        );
    }

    async fn text_is_kept_as_it_came(world: World) {
        world.avatars(r#"{"avatar_id":" A ","avatar_name":"  Zoë\t\u0301\u200b ","gender":"FEMALE"}"#).await;
        assert_eq!(
            world.lines("SELECT avatar_id, avatar_name, gender FROM avatars WHERE avatar_id <> 'p'").await,
            [" A |  Zoë\t\u{301}\u{200b} |FEMALE"]
        );
        let report = world.avatars(r#"{"avatar_id":" A ","avatar_name":"Zoë","gender":"female"}"#).await;
        assert_eq!(report.row.counts.unwrap().changed, 1);
        assert_eq!(world.count("field_changes").await, 2);
    }

    async fn ids_that_differ_in_case_only_are_two_items(world: World) {
        world.avatars(r#"{"avatar_id":"a"},{"avatar_id":"A"},{"avatar_id":"a "},{"avatar_id":"ä"},{"avatar_id":"a\u0308"}"#).await;
        assert_eq!(world.count("avatars").await, 5);
    }

    async fn zero_and_lone_surrogates_become_the_replacement_character_in_keys_too(world: World) {
        world.avatars(r#"{"avatar_id":"a\u0000","avatar_name":"\ud800x\u0000\udc00","k\u0000":{"\udfff":"\ud83d\ude00"}}"#).await;
        assert_eq!(
            world.lines("SELECT avatar_id, avatar_name, extra FROM avatars WHERE avatar_id <> 'p'").await,
            ["a\u{FFFD}|\u{FFFD}x\u{FFFD}\u{FFFD}|{\"k\u{FFFD}\":{\"\u{FFFD}\":\"😀\"}}"]
        );
        let fields = world.lines("SELECT field FROM schema_changes WHERE field LIKE 'k%'").await;
        assert_eq!(fields, ["k\u{FFFD}"]);
    }

    async fn of_a_repeated_key_the_last_wins(world: World) {
        world.avatars(r#"{"avatar_id":"x","gender":"x","gender":"y","avatar_id":"a","o":{"k":1,"k":2}}"#).await;
        assert_eq!(
            world.lines("SELECT avatar_id, gender, extra FROM avatars WHERE avatar_id <> 'p'").await,
            [r#"a|y|{"o":{"k":2}}"#]
        );
    }

    async fn numbers_are_compared_by_value(world: World) {
        for (one, other) in [
            ("1", "1.0"), ("1", "10e-1"), ("0", "-0.0"), ("0.1", "1e-1"), ("100", "1E+2"),
            ("9223372036854775807", "9223372036854775807.0"), ("1e300", "10e299"),
            ("0.30000000000000004", "0.30000000000000004"), ("[1,2.50]", "[1.0,2.5]"),
            ("18446744073709551616", "18446744073709551616.0"),
        ] {
            world.says_the_same(one, other).await;
        }
        for (one, other) in [
            ("1", "2"), ("9223372036854775806", "9223372036854775807"),
            ("9007199254740993", "9007199254740992"), ("9223372036854775808", "9223372036854775809"),
            ("0.1", "0.10000000000000000001"), ("1e400", "1e401"), ("[1]", "[2]"),
        ] {
            world.differs(one, other).await;
        }
    }

    async fn a_number_that_no_type_holds_is_kept_as_its_text(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":1180591620717411303425,"y":-1e400,"z":18446744073709551616,"i":-9223372036854775808}"#).await;
        let extra = world.extra().await;
        assert!(extra.contains(r#""x":"1180591620717411303425""#), "{extra}");
        assert!(extra.contains(r#""y":"-1e400""#), "{extra}");
        assert!(extra.contains(r#""i":-9223372036854775808"#), "{extra}");
        assert_eq!(
            world.lines("SELECT DISTINCT json_type FROM schema_changes WHERE field IN ('x', 'y', 'z', 'i')").await,
            ["number"]
        );
    }

    async fn tags_are_a_multiset_and_are_stored_sorted(world: World) {
        world.avatars(r#"{"avatar_id":"a","tags":["b","a","B","b"]}"#).await;
        let tags = "SELECT tags FROM avatars WHERE avatar_id = 'a'";
        assert_eq!(world.cell(tags).await, r#"["B","a","b","b"]"#);
        let before = world.facts().await;
        world.avatars(r#"{"avatar_id":"a","tags":["b","b","a","B"]}"#).await;
        assert_eq!(world.facts().await, before);
        world.avatars(r#"{"avatar_id":"a","tags":["b","a","B"]}"#).await;
        assert_eq!(world.field_changes().await, [r#"3|a|2|tags|["B","a","b","b"]|["B","a","b"]"#]);
    }

    async fn other_arrays_of_strings_are_multisets_too_and_mixed_ones_are_not(world: World) {
        world.says_the_same(r#"["b","a"]"#, r#"["a","b"]"#).await;
        world.says_the_same(r#"[["b","a"],{"k":["d","c"]}]"#, r#"[["a","b"],{"k":["c","d"]}]"#).await;
        world.differs(r#"["b",1]"#, r#"[1,"b"]"#).await;
        world.differs("[1,2]", "[2,1]").await;
    }

    async fn no_tags_and_null_are_two_things(world: World) {
        world.avatars(r#"{"avatar_id":"a","tags":null},{"avatar_id":"b","tags":[]}"#).await;
        assert_eq!(world.lines("SELECT tags FROM avatars WHERE avatar_id <> 'p' ORDER BY avatar_id").await, ["∅", "[]"]);
        world.avatars(r#"{"avatar_id":"a","tags":[]},{"avatar_id":"b","tags":null}"#).await;
        assert_eq!(world.field_changes().await, ["2|a|2|tags|∅|[]", "2|b|2|tags|[]|∅"]);
    }

    async fn what_an_engine_renders_is_never_compared(world: World) {
        world.avatars(r#"{"avatar_id":"a","x":{"aa":1e300,"b":0.1,"ab":5e-324,"a b":1.7976931348623157e308,"é":-1.5e-7}}"#).await;
        let before = world.facts().await;
        world.avatars(r#"{"avatar_id":"a","x":{"b":1e-1,"aa":1e+300,"é":-15e-8,"a b":17976931348623157e292,"ab":5e-324}}"#).await;
        assert_eq!(world.facts().await, before);
        assert_eq!(world.field_changes().await, NONE);
    }

    async fn every_value_reads_as_text_in_the_change_feed(world: World) {
        world.avatars(r#"{"avatar_id":"a","s":"x","b":true,"n":1.50,"o":{"b":1,"a":2},"premium":false,"tags":["a"],"z":1}"#).await;
        world.avatars(r#"{"avatar_id":"a","s":"\"y","b":false,"n":-2e3,"o":{"a":3},"premium":true,"tags":[],"z":null}"#).await;
        assert_eq!(
            world.lines("SELECT field, old_value, new_value FROM field_changes ORDER BY field").await,
            ["b|true|false", "n|1.5|-2000", r#"o|{"a":2,"b":1}|{"a":3}"#, "premium|false|true", "s|x|\"y", r#"tags|["a"]|[]"#, "z|1|∅"]
        );
    }

    async fn long_values_are_kept_whole(world: World) {
        // The engines compress repeated text, so this text has no repeats.
        let long: String = (0..60_000_u32).map(|n| char::from_u32(0x4E00 + n.wrapping_mul(2_654_435_761) % 20_000).unwrap()).collect();
        let id: String = long.chars().take(341).collect();
        for (seal, changes) in [("1", 0), ("2", 3)] {
            world.avatars(&format!(r#"{{"avatar_id":"{id}","avatar_name":"{long}{seal}","{long}":"{seal}","tags":["{long}{seal}"]}}"#)).await;
            assert_eq!(world.count("field_changes").await, changes);
        }
        let name = format!("SELECT avatar_name FROM avatars WHERE avatar_id = '{id}'");
        assert_eq!(world.cell(&name).await, format!("{long}2"));
        assert_eq!(world.avatars("").await.row.counts.unwrap().held, 1);
    }
}
