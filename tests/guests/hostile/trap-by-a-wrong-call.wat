;; Calls a function as another.
(type $other (func (param i64) (result i64)))
(table funcref (elem $trap))
(func $trap unreachable)
(func (export "handle") (param $turn i32) (result i32)
  (drop (call_indirect (type $other) (i64.const 1) (i32.const 0)))
  (call $well))
