//! What compiling a component would cost, estimated from its bytes: nothing is compiled. The compiler cannot be
//! interrupted, and a few kilobytes can keep it busy for minutes and fill the memory: two bytes that call a function of
//! a thousand results are two thousand moves to it.

use wasmparser::{BlockType, Catch, CompositeInnerType, FunctionBody, Operator, Parser, Payload, TryTable, TypeRef};

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
/// better. It reads all sections before it compiles anything, so that one which cannot be read costs nothing; but then it
/// compiles all functions that can be read, whatever is wrong with another.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let (mut within, mut all) = (vec![Module::default()], 0_u64);
    for payload in Parser::new(0).parse_all(bytes) {
        let Ok(payload) = payload else { return Ok(()) };
        let Some(module) = within.last_mut() else { return Ok(()) };
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => within.push(Module::default()),
            Payload::End(_) => drop(within.pop()),
            Payload::CodeSectionEntry(body) => {
                let cost = module.body(&body);
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

    /// What the next body costs, as far as it can be read: the compiler comes no further, either.
    fn body(&mut self, body: &FunctionBody<'_>) -> u64 {
        let own = u32::try_from(self.bodies).map_or_else(|_| Arity::default(), |body| self.called(body));
        self.bodies += 1;
        let declared = body.get_locals_reader().into_iter().flatten().map_while(Result::ok);
        let locals = declared.fold(own.params, |locals, (count, _)| locals.saturating_add(count.into()));
        let mut cost = Cost { all: FUNCTION + locals / LOCALS, locals: locals / LOCALS, labels: vec![own.results] };
        for operator in body.get_operators_reader().into_iter().flatten().map_while(Result::ok) {
            cost.add(self, &operator);
            if cost.all > MAX_FUNCTION {
                break;
            }
        }
        cost.all
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
            Operator::Block { blockty } | Operator::If { blockty } => self.enter(module, *blockty, false),
            Operator::TryTable { try_table: TryTable { ty, catches } } => {
                // Their labels are counted from outside of it.
                catches.iter().for_each(|catch| self.branch(caught(catch)));
                self.enter(module, *ty, false);
            }
            Operator::End => {
                self.labels.pop();
            }
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. }
            | Operator::BrOnCastDescEq { relative_depth, .. }
            | Operator::BrOnCastDescEqFail { relative_depth, .. } => self.branch(*relative_depth),
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

/// Where an exception goes on.
fn caught(catch: &Catch) -> u32 {
    match *catch {
        Catch::One { label, .. } | Catch::OneRef { label, .. } | Catch::All { label } | Catch::AllRef { label } => {
            label
        }
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
    fn branches_that_test_a_reference_move_what_others_move() {
        // With the reference beside them they are as many as a block may have.
        let many = "i64 ".repeat(999);
        let get: String = (0..999).map(|local| format!("(local.get {local})")).collect();
        let branches = |branch: &str, result: &str, times: usize| {
            let branches = format!("(ref.null func) {branch} ").repeat(times);
            let (drops, last) = ("(drop)".repeat(999), if result.is_empty() { "" } else { "(ref.null func)" });
            checked(&format!("(func (param {many}) (block (result {many} {result}) {get} {branches} {last}) {drops})"))
        };
        for (branch, result) in [("(br_on_null 0) (drop)", ""), ("(br_on_non_null 0)", "(ref null func)")] {
            assert_eq!(branches(branch, result, 10), Ok(()), "{branch}");
            assert!(branches(branch, result, 1_000).is_err_and(|why| why.contains("a function of it")), "{branch}");
        }
        let caught = "(catch $t 0)".repeat(1_000);
        let tag = format!("(tag $t (param {many})) (func (param {many}) (block (result {many}) (try_table {caught})");
        assert!(checked(&format!("{tag} {get}) {})", "(drop)".repeat(999))).is_err());
    }

    #[test]
    fn a_function_that_cannot_be_read_hides_no_other() {
        let many = "i64 ".repeat(1_000);
        let get: String = (0..1_000).map(|local| format!("(local.get {local})")).collect();
        let calls = "(call $f)".repeat(1_000);
        let marked = "(func (drop (i32.const 1234567)))";
        let text = format!("{marked} (func $f (param {many}) (result {many}) {get} {calls})");
        let mut whole = wat::parse_str(format!("(component (core module {text}))")).expect("WAT");
        let constant = [0x41, 0x87, 0xad, 0xcb, 0];
        let place = whole.windows(5).position(|bytes| bytes == constant).expect("the first function");
        // No instruction begins with this.
        whole[place] = 0xff;
        assert!(check(&whole).is_err_and(|why| why.contains("a function of it is too large")));
    }

    #[test]
    fn what_cannot_be_read_is_left_to_the_compiler() {
        assert_eq!(check(b"no component"), Ok(()));
        let whole = wat::parse_str("(component (core module (func (call 0))))").expect("WAT");
        (0..whole.len()).for_each(|length| assert_eq!(check(&whole[..length]), Ok(())));
    }
}
