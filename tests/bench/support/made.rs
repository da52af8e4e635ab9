//! Components of a size that is asked for: a real one, with a module beside it that nobody calls but that is compiled.

/// What fills a component.
#[derive(Clone, Copy)]
pub(crate) enum Filling {
    /// Functions such as compilers of ordinary languages make: of less than 300 bytes, with loops, branches, calls, memory.
    Code,
    /// What a language's library and runtime hold ready: data.
    Data,
    /// As much as the bounds let through of what is worst for the compiler: calls that pass a thousand values each.
    Worst,
}

/// A component of about so many bytes, of which this is by far the most.
pub(crate) fn component(real: &[u8], filling: Filling, bytes: usize) -> Vec<u8> {
    let module = match filling {
        Filling::Code => code(bytes),
        Filling::Data => data(bytes),
        Filling::Worst => worst(),
    };
    // The section of a component that is a module.
    [real, &section(1, &module)].concat()
}

const MODULE: &[u8] = b"\0asm\x01\0\0\0";
const I32: u8 = 0x7f;
const I64: u8 = 0x7e;
/// One memory of one page.
const MEMORY: &[u8] = &[1, 0, 1];

/// One function of the sort that is most: it sums and mixes words of the memory, calls another, and looks what comes of it.
/// Written in full but for the number of the function that it calls.
const LOOP: &[u8] = &[
    0x02, 0x40, 0x03, 0x40, 0x20, 0x02, 0x20, 0x01, 0x4f, 0x0d, 0x01, // until the second local reaches the length
    0x20, 0x00, 0x20, 0x02, 0x41, 0x02, 0x74, 0x6a, 0x28, 0x02, 0x08, 0x22, 0x03, // a word
    0x20, 0x04, 0x6a, 0x41, 0x0d, 0x77, 0x20, 0x03, 0x73, 0x21, 0x04, // mixed
    0x20, 0x04, 0x41, 0xff, 0x01, 0x71, 0x04, 0x40, 0x20, 0x00, 0x20, 0x04, 0x36, 0x02,
    0x10, // stored, if it is not small
    0x05, 0x20, 0x05, 0x20, 0x03, 0xad, 0x42, 0x1f, 0x7e, 0x7c, 0x21, 0x05, 0x0b, // or multiplied
    0x20, 0x02, 0x41, 0x01, 0x6a, 0x21, 0x02, 0x0c, 0x00, 0x0b, 0x0b,
];

fn code(bytes: usize) -> Vec<u8> {
    // As long as the mean of large programs.
    let functions = (bytes / 280).max(2);
    let mut bodies = number(functions);
    for function in 0..functions {
        let mut body = vec![2, 3, I32, 1, I64];
        for part in 0..3 {
            body.extend(LOOP);
            body.extend([0x20, 0x00, 0x20, 0x04, 0x10]);
            body.extend(number((function * 31 + part * 7 + 1) % functions));
            body.extend([0x20, 0x02, 0x6a, 0x21, 0x02]);
        }
        body.extend([0x20, 0x05, 0xa7, 0x20, 0x04, 0x6a, 0x0b]);
        bodies.extend(number(body.len()));
        bodies.extend(body);
    }
    let kinds = [number(functions), vec![0; functions]].concat();
    // One type: of two numbers one.
    module(&[(1, &[1, 0x60, 2, I32, I32, 1, I32]), (3, &kinds), (5, MEMORY), (10, &bodies)])
}

fn data(bytes: usize) -> Vec<u8> {
    let noise = (0..bytes).map(|place| ((place as u32).wrapping_mul(2_654_435_761) >> 24) as u8);
    // As many pages as it fills, and one active segment, from the first byte on.
    let pages = number(bytes / 65_536 + 1);
    let segment = [vec![1, 0, 0x41, 0, 0x0b], number(bytes), noise.collect()].concat();
    module(&[(5, &[&[1, 0], &*pages].concat()), (11, &segment)])
}

fn worst() -> Vec<u8> {
    const VALUES: usize = 1_000;
    const CALLS: usize = 120;
    const FUNCTIONS: usize = 14;
    let values = [number(VALUES), vec![I64; VALUES]].concat();
    let kind = [&[1, 0x60], &*values, &*values].concat();
    let mut body = vec![0];
    (0..VALUES).for_each(|local| body.extend([vec![0x20], number(local)].concat()));
    (0..CALLS).for_each(|_| body.extend([0x10, 0]));
    body.push(0x0b);
    let body = [number(body.len()), body].concat();
    let bodies = [number(FUNCTIONS), body.repeat(FUNCTIONS)].concat();
    module(&[(1, &kind), (3, &[number(FUNCTIONS), vec![0; FUNCTIONS]].concat()), (10, &bodies)])
}

fn module(sections: &[(u8, &[u8])]) -> Vec<u8> {
    let sections = sections.iter().flat_map(|(kind, content)| section(*kind, content));
    MODULE.iter().copied().chain(sections).collect()
}

fn section(kind: u8, content: &[u8]) -> Vec<u8> {
    [&[kind], &*number(content.len()), content].concat()
}

/// A number as WebAssembly writes it.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
