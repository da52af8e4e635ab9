;; Calls itself without end through a table, by tail calls that never return.
(type $f (func (result i32)))
(table funcref (elem $again))
(func $again (result i32) (return_call_indirect (type $f) (i32.const 0)))
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $again))
  (call $well))
