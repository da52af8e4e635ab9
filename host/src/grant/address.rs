//! The egress check: which addresses an agent may reach without a rule that names them.
//!
//! Allowed is what is public, and not everything else is listed: of IPv6 only `2000::/3` is public. An address that
//! carries an IPv4 address inside is judged by that one, too.

use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not to be reached, in words that go on "it is …".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What sort of address it is.
    pub why: &'static str,
}

const METADATA: &str = "where a cloud tells machines their credentials";

/// Where clouds answer their machines' questions, credentials among them.
const METADATA_V4: [[u8; 4]; 8] = [
    [169, 254, 169, 254],
    [169, 254, 170, 2],
    [169, 254, 170, 23],
    [169, 254, 169, 123],
    [169, 254, 0, 23],
    [100, 100, 100, 200],
    [192, 0, 0, 192],
    // Of Azure, and in the middle of the public addresses.
    [168, 63, 129, 16],
];
const METADATA_V6: [[u16; 8]; 3] =
    [[0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254], [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23], [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]];

/// IPv4 that is not public: network, prefix length, what it is. The first that fits names it.
const SPECIAL_V4: [([u8; 4], u32, &str); 16] = [
    ([0, 0, 0, 0], 8, "this machine or unspecified"),
    ([10, 0, 0, 0], 8, "in a private network"),
    ([100, 64, 0, 0], 10, "behind a carrier's address translation"),
    ([127, 0, 0, 0], 8, "this machine itself"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "in a private network"),
    ([192, 0, 0, 0], 24, "reserved for protocols"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 31, 196, 0], 24, "reserved for protocols"),
    ([192, 52, 193, 0], 24, "reserved for protocols"),
    ([192, 88, 99, 0], 24, "a relay of 6to4"),
    ([192, 168, 0, 0], 16, "in a private network"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
];

/// IPv6 that is not public, as above.
const SPECIAL_V6: [([u16; 4], u32, &str); 16] = [
    ([0x64, 0xff9b, 1, 0], 48, "behind a local address translation"),
    ([0x100, 0, 0, 0], 64, "discarded by routers"),
    ([0xfc00, 0, 0, 0], 7, "in a private network"),
    ([0xfe80, 0, 0, 0], 10, "link-local"),
    ([0xfec0, 0, 0, 0], 10, "site-local"),
    ([0xff00, 0, 0, 0], 8, "multicast"),
    ([0x2001, 0xdb8, 0, 0], 32, "for documentation"),
    ([0x3fff, 0, 0, 0], 20, "for documentation"),
    ([0x2001, 2, 0, 0], 48, "for benchmarks"),
    ([0x2001, 0x10, 0, 0], 28, "a hash that is no address (ORCHID)"),
    ([0x2001, 0x20, 0, 0], 28, "a hash that is no address (ORCHID)"),
    ([0x2001, 0x30, 0, 0], 28, "an identifier of drones"),
    // All of it but Teredo, which is looked into.
    ([0x2001, 0, 0, 0], 32, ""),
    ([0x2001, 0, 0, 0], 23, "reserved for protocols"),
    ([0x2620, 0x4f, 0x8000, 0], 48, "reserved for protocols"),
    ([0x5f00, 0, 0, 0], 16, "reserved for segment routing"),
];

/// Whether an address may be reached: it is public, or in one of the networks that a rule names.
///
/// Metadata services are worth a name of their own: a network that merely contains one does not name it.
///
/// # Errors
/// [`Refused`] says what sort of address it is.
pub fn check(address: IpAddr, named: &[IpNet]) -> Result<(), Refused> {
    let address = address.to_canonical();
    let Some(why) = special(address) else { return Ok(()) };
    let names = |net: &IpNet| {
        let narrow = why != METADATA || net.prefix_len() == net.max_prefix_len();
        narrow && canonical(*net).contains(&address)
    };
    if named.iter().any(names) { Ok(()) } else { Err(Refused { why }) }
}

/// A network of IPv4-mapped addresses as the one of IPv4 that it is.
fn canonical(net: IpNet) -> IpNet {
    let mapped = match net {
        IpNet::V6(net) if net.prefix_len() >= 96 => net.addr().to_ipv4_mapped().map(|v4| (v4, net.prefix_len() - 96)),
        _ => None,
    };
    mapped.and_then(|(v4, length)| ipnet::Ipv4Net::new(v4, length).ok()).map_or(net, IpNet::V4)
}

/// What sort of address it is, where it is not public.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(v4) => special_v4(v4),
        IpAddr::V6(v6) => special_v6(v6),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    if METADATA_V4.contains(&address.octets()) {
        return Some(METADATA);
    }
    let bits = address.to_bits();
    let within = |net: &[u8; 4], length: u32| (bits ^ u32::from_be_bytes(*net)) >> (32 - length) == 0;
    if bits == u32::MAX {
        return Some("everybody in this network");
    }
    if bits >> 28 == 0xf {
        return Some("reserved");
    }
    SPECIAL_V4.iter().find(|(net, length, _)| within(net, *length)).map(|(.., why)| *why)
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    let segments = address.segments();
    if METADATA_V6.contains(&segments) {
        return Some(METADATA);
    }
    if address.is_loopback() {
        return Some("this machine itself");
    }
    if address.is_unspecified() {
        return Some("this machine or unspecified");
    }
    if let Some(why) = inside(&segments).into_iter().flatten().find_map(special_v4) {
        return Some(why);
    }
    let top = address.to_bits() >> 64;
    let start = |net: &[u16; 4]| net.iter().fold(0_u128, |bits, segment| bits << 16 | u128::from(*segment));
    let known = SPECIAL_V6.iter().find(|(net, length, _)| (top ^ start(net)) >> (64 - length) == 0);
    let translated = segments[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    match known {
        Some((.., "")) => None,
        Some((.., why)) => Some(why),
        None if translated || segments[0] >> 13 == 1 => None,
        None => Some("not a public address"),
    }
}

/// The IPv4 addresses that an IPv6 address leads to: by 6to4, Teredo, NAT64, ISATAP, or as an old "compatible" one.
fn inside(s: &[u16; 8]) -> [Option<Ipv4Addr>; 2] {
    let v4 = |high: u16, low: u16| Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)));
    match s {
        [0, 0, 0, 0, 0, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => [v4(*high, *low), None],
        [0x2002, high, low, ..] => [v4(*high, *low), isatap(s)],
        // The server, and the client with all bits turned around.
        [0x2001, 0, high, low, ..] => [v4(*high, *low), v4(!s[6], !s[7])],
        _ => [isatap(s), None],
    }
}

fn isatap(s: &[u16; 8]) -> Option<Ipv4Addr> {
    let is = s[5] == 0x5efe && s[4] & !0x200 == 0;
    is.then(|| Ipv4Addr::from_bits(u32::from(s[6]) << 16 | u32::from(s[7])))
}

#[cfg(test)]
mod tests;
