;; Calls itself without end before it is ever called.
(func $deep (param i32) (result i32) (i32.add (i32.const 1) (call $deep (local.get 0))))
(func $first (drop (call $deep (i32.const 0))))
(start $first)
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
