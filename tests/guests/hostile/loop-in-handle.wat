;; Computes for ever.
(func (export "handle") (param $turn i32) (result i32)
  (loop $on (br $on))
  (call $well))
