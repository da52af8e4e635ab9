;; Traps with a card open.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $card))
  unreachable)
