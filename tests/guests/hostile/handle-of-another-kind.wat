;; Takes a card for an operation.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $ready (call $card)))
  (call $well))
