;; Drops a card as if it were an operation.
(func (export "handle") (param $turn i32) (result i32)
  (call $drop-op (call $card))
  (call $well))
