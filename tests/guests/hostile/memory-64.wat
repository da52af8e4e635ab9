;; Declares a memory with addresses of 64 bits, of more than there is.
(memory i64 1)
(func (export "grow") (result i64) (memory.grow 1 (i64.const 0x7fffffffffff)))
(func (export "handle") (param $turn i32) (result i32)
  (if (i64.eq (memory.grow 1 (i64.const 0x7fffffffff)) (i64.const -1)) (then unreachable))
  (call $well))
