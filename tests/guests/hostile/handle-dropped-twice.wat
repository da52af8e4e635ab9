;; Drops a card twice.
(func (export "handle") (param $turn i32) (result i32)
  (local $card i32)
  (local.set $card (call $card))
  (call $drop-card (local.get $card))
  (call $drop-card (local.get $card))
  (call $well))
