//! What compiling a component would cost, estimated from its bytes: nothing is compiled. The compiler cannot be
//! interrupted, and a few kilobytes can keep it busy for minutes and fill the memory: two bytes that call a function of
//! a thousand results are two thousand moves to it.

use wasmparser::{BlockType, CompositeInnerType, FunctionBody, Operator, Parser, Payload, TypeRef};

/// The most that one function may cost, and all of a component together: one for each instruction that is like those of
/// ordinary languages. The worst that passes takes some seconds a function, and a minute of two processors in all.
const MAX_FUNCTION: u64 = 4_000_000;
const MAX_ALL: u64 = 60_000_000;
/// What a function costs besides its instructions.
const FUNCTION: u64 = 100;
/// Values that a call or a branch moves for the price of an instruction; and what each further one costs.
const MOVED_FREELY: u64 = 16;
const MOVED: u64 = 16;
/// How many locals a function has for the price of an instruction, and at each place where its ways part or meet.
const LOCALS: u64 = 4;

/// What a module said so far.
#[derive(Default)]
struct Module {
    /// Values that go into and come out of a function, by its type.
    types: Vec<Arity>,
    /// The types of the functions.
    functions: Vec<u32>,
    /// How many bodies were read, and imports before them.
    bodies: usize,
}

#[derive(Default, Clone, Copy)]
struct Arity {
    params: u64,
    results: u64,
}

/// Refuses what would take the compiler too long. What cannot be read is left to the compiler, whose words for it are
/// better.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let (mut within, mut all) = (vec![Module::default()], 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return Ok(()) };
        let Some(module) = within.last_mut() else { return Ok(()) };
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => within.push(Module::default()),
            Payload::End(_) => drop(within.pop()),
            Payload::CodeSectionEntry(body) => {
                let Some(cost) = module.body(&body) else { return Ok(()) };
                if cost > MAX_FUNCTION {
                    return Err(format!("a function of it is too large to compile: it costs {cost} of {MAX_FUNCTION}"));
                }
                all = all.saturating_add(cost);
            }
            payload => module.note(payload),
        }
        if all > MAX_ALL {
            return Err(format!("it is too large to compile: it costs more than {MAX_ALL}"));
        }
    }
    Ok(())
}

impl Module {
    fn note(&mut self, payload: Payload<'_>) {
        match payload {
            Payload::TypeSection(types) => {
                for kind in types.into_iter().flatten().flat_map(wasmparser::RecGroup::into_types) {
                    self.types.push(match kind.composite_type.inner {
                        CompositeInnerType::Func(kind) => {
                            Arity { params: kind.params().len() as u64, results: kind.results().len() as u64 }
                        }
                        _ => Arity::default(),
                    });
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports().flatten() {
                    if let TypeRef::Func(kind) | TypeRef::FuncExact(kind) = import.ty {
                        self.functions.push(kind);
                        self.bodies += 1;
                    }
                }
            }
            Payload::FunctionSection(kinds) => self.functions.extend(kinds.into_iter().flatten()),
            _ => {}
        }
    }

    fn arity(&self, kind: u32) -> Arity {
        self.types.get(kind as usize).copied().unwrap_or_default()
    }

    fn called(&self, function: u32) -> Arity {
        self.functions.get(function as usize).map_or_else(Arity::default, |kind| self.arity(*kind))
    }

    /// What the next body costs.
    fn body(&mut self, body: &FunctionBody<'_>) -> Option<u64> {
        let own = self.called(u32::try_from(self.bodies).ok()?);
        self.bodies += 1;
        let mut locals = own.params;
        for declared in body.get_locals_reader().ok()? {
            locals = locals.saturating_add(declared.ok()?.0.into());
        }
        let mut cost = Cost { all: FUNCTION + locals / LOCALS, locals: locals / LOCALS, labels: vec![own.results] };
        for operator in body.get_operators_reader().ok()? {
            cost.add(self, &operator.ok()?);
            if cost.all > MAX_FUNCTION {
                break;
            }
        }
        Some(cost.all)
    }
}

/// What a function costs so far.
struct Cost {
    all: u64,
    /// What its locals cost where ways part or meet.
    locals: u64,
    /// How many values a branch to each block takes along, the innermost last.
    labels: Vec<u64>,
}

impl Cost {
    fn add(&mut self, module: &Module, operator: &Operator<'_>) {
        self.all += 1;
        match operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.call(module.called(*function_index));
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. }
            | Operator::CallRef { type_index }
            | Operator::ReturnCallRef { type_index } => self.call(module.arity(*type_index)),
            Operator::Loop { blockty } => self.enter(module, *blockty, true),
            Operator::Block { blockty }
            | Operator::If { blockty }
            | Operator::TryTable { try_table: wasmparser::TryTable { ty: blockty, .. } } => {
                self.enter(module, *blockty, false);
            }
            Operator::End => {
                self.labels.pop();
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => self.branch(*relative_depth),
            Operator::BrTable { targets } => targets.targets().flatten().for_each(|depth| self.branch(depth)),
            Operator::Return => self.branch(u32::MAX),
            _ => {}
        }
    }

    fn call(&mut self, arity: Arity) {
        self.moved(arity.params + arity.results);
    }

    fn moved(&mut self, values: u64) {
        self.all += values.saturating_sub(MOVED_FREELY) * MOVED;
    }

    fn enter(&mut self, module: &Module, kind: BlockType, again: bool) {
        let arity = match kind {
            BlockType::Empty => Arity::default(),
            BlockType::Type(_) => Arity { params: 0, results: 1 },
            BlockType::FuncType(kind) => module.arity(kind),
        };
        self.labels.push(if again { arity.params } else { arity.results });
        self.moved(arity.params + arity.results);
        self.all += self.locals;
    }

    fn branch(&mut self, depth: u32) {
        let label = self.labels.len().checked_sub(1).and_then(|last| last.checked_sub(depth as usize)).unwrap_or(0);
        self.all += 1;
        self.moved(self.labels.get(label).copied().unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(module: &str) -> Result<(), String> {
        check(&wat::parse_str(format!("(component (core module {module}))")).expect("WAT"))
    }

    #[test]
    fn what_looks_small_and_is_not_is_refused() {
        let many = "i64 ".repeat(1_000);
        let get: String = (0..1_000).map(|local| format!("(local.get {local})")).collect();
        let called = |calls: usize| {
            let calls = "(call $f)".repeat(calls);
            checked(&format!("(func $f (param {many}) (result {many}) {get} {calls})"))
        };
        assert_eq!(called(10), Ok(()));
        assert!(called(1_000).is_err_and(|why| why.contains("a function of it is too large")));
        let blocks = format!("(block (param {many}) (result {many}))").repeat(1_000);
        let wide = format!("(func (param {many}) (result {many}) {get} {blocks})");
        assert!(checked(&wide).is_err());
        let looped = "(loop (br_if 0 (local.get 1)))".repeat(10_000);
        assert_eq!(checked(&format!("(func (local i32 i32) {looped})")), Ok(()));
        let locals = "i32 ".repeat(40_000);
        assert!(checked(&format!("(func (local {locals}) {looped})")).is_err());
        let large = format!("(func (param {many}) (result {many}) {get} {})", "(call 0)".repeat(100));
        assert_eq!(checked(&large.repeat(10)), Ok(()));
        assert!(checked(&large.repeat(20)).is_err_and(|why| why.contains("it is too large")));
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_compiler() {
        assert_eq!(check(b"no component"), Ok(()));
        let whole = wat::parse_str("(component (core module (func (call 0))))").expect("WAT");
        (0..whole.len()).for_each(|length| assert_eq!(check(&whole[..length]), Ok(())));
    }
}
