;; Asks whether it was stopped, for ever.
(func (export "handle") (param $turn i32) (result i32)
  (loop $on
    (drop (call $cancelled))
    (br $on))
  (call $well))
