;; Asks for a table of a thousand million elements, and insists.
(table $t 1 funcref)
(func (export "handle") (param $turn i32) (result i32)
  (if (i32.eq (table.grow $t (ref.null func) (i32.const 1000000000)) (i32.const -1)) (then unreachable))
  (call $well))
