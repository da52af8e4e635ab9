;; Traps in the middle of a sentence.
(func (export "handle") (param $turn i32) (result i32)
  (call $say (i32.const 16) (i32.const 5))
  unreachable)
