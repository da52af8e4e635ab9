;; Asks for a page more until it gets none, within the limit of a turn and past what all turns of its agent have.
(func (export "handle") (param $turn i32) (result i32)
  (loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
  unreachable)
