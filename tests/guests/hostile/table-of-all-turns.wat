;; Asks for a hundred elements more until it gets none, within the limit of a turn and past what all turns of its agent have.
(table $t 1 funcref)
(func (export "handle") (param $turn i32) (result i32)
  (loop $more (br_if $more (i32.ne (table.grow $t (ref.null func) (i32.const 100)) (i32.const -1))))
  unreachable)
