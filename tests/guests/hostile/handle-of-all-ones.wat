;; Asks for the state of the last operation that could be.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $ready (i32.const -1)))
  (call $well))
