;; Traps before it is ever called.
(func $trap unreachable)
(start $trap)
(func (export "handle") (param $turn i32) (result i32)
  (call $well))
