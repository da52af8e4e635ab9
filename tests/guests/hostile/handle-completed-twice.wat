;; Completes a card twice, and tells of the second.
(func (export "handle") (param $turn i32) (result i32)
  (local $card i32)
  (local.set $card (call $card))
  (call $complete (local.get $card) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $complete (local.get $card) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
  (if (i32.ne (i32.load8_u (i32.const 256)) (i32.const 1)) (then unreachable))
  (call $well))
