;; Calls itself without end.
(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (i32.add (local.get 0) (i32.const 1)))))
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $deep (i32.const 0)))
  (call $well))
