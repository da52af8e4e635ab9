//! The table, and what a rule opens.

use super::*;
use crate::grant::{Host, HttpAsk};
use std::collections::BTreeSet;

const TABLE: &str = include_str!("../../../../tests/egress/addresses.tsv");

/// What is said of an address: the verdict and the reason.
fn said(address: IpAddr) -> (&'static str, String) {
    match check(address, &[]) {
        Ok(()) => ("public", String::new()),
        Err(Refused { why }) => ("refused", why.to_owned()),
    }
}

fn url(text: &str) -> (&'static str, String) {
    match HttpAsk::new("GET", text, BTreeSet::new()) {
        Err(_) => ("invalid", String::new()),
        Ok(HttpAsk { host: Host::Name(name), .. }) => ("name", name),
        Ok(HttpAsk { host: Host::Ip(address), .. }) => said(address),
    }
}

#[test]
fn the_table_holds() {
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (subject, verdict, why) = (columns[1], columns[2], columns.get(3).copied().unwrap_or_default());
        let (is, because) = match columns[0] {
            "address" => said(subject.parse().expect(line)),
            "url" => url(subject),
            other => panic!("{other} is not a kind"),
        };
        if is != verdict || (is != "invalid" && because != why) {
            wrong.push(format!("{subject}: {is} ({because}), not {verdict} ({why})"));
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(rows >= 400, "{rows} rows are not the table");
}

fn net(text: &str) -> IpNet {
    text.parse().expect(text)
}

fn address(text: &str) -> IpAddr {
    text.parse().expect(text)
}

#[test]
fn a_rule_opens_what_it_names_and_nothing_else() {
    for (to, named, opens) in [
        ("10.1.2.3", "10.0.0.0/8", true),
        ("::ffff:10.1.2.3", "10.0.0.0/8", true),
        ("10.1.2.3", "::ffff:10.0.0.0/104", true),
        ("10.1.2.3", "192.168.0.0/16", false),
        ("127.0.0.1", "127.0.0.1/32", true),
        ("127.0.0.2", "127.0.0.1/32", false),
        ("::1", "::1/128", true),
        ("::1", "127.0.0.1/32", false),
        ("2002:a00:1::1", "10.0.0.0/8", false),
        ("2002:a00:1::1", "2002::/16", true),
        ("169.254.169.254", "169.254.0.0/16", false),
        ("169.254.169.254", "0.0.0.0/0", false),
        ("169.254.169.254", "169.254.169.254/32", true),
        ("fd00:ec2::254", "fd00::/8", false),
        ("8.8.8.8", "10.0.0.0/8", true),
    ] {
        assert_eq!(check(address(to), &[net(named)]).is_ok(), opens, "{to} with {named}");
    }
}

#[test]
fn every_form_of_a_private_address_is_as_private() {
    for inner in ["127.0.0.1", "10.9.8.7", "172.20.1.1", "192.168.3.4", "169.254.169.254", "100.64.1.1", "198.18.5.5"] {
        let IpAddr::V4(v4) = address(inner) else { panic!("not IPv4") };
        let [high, low] = [(v4.to_bits() >> 16) as u16, (v4.to_bits() & 0xffff) as u16];
        for form in [
            [0, 0, 0, 0, 0, 0xffff, high, low],
            [0, 0, 0, 0, 0, 0, high, low],
            [0x64, 0xff9b, 0, 0, 0, 0, high, low],
            [0x64, 0xff9b, 1, 0, 0, 0, high, low],
            [0x2002, high, low, 0, 0, 0, 0, 1],
            [0x2001, 0, high, low, 0, 0, 0, 0],
            [0x2001, 0, 0x808, 0x808, 0, 0, !high, !low],
            [0x2a00, 1, 2, 3, 0, 0x5efe, high, low],
            [0x2a00, 1, 2, 3, 0x200, 0x5efe, high, low],
        ] {
            assert!(check(IpAddr::V6(form.into()), &[]).is_err(), "{inner} in {:x?}", form);
        }
    }
}
