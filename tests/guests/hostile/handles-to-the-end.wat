;; Starts requests until it may no more, and holds them to the end.
(func (export "handle") (param $turn i32) (result i32)
  (loop $more
    (call $start (i32.const 48) (i32.const 3) (i32.const 64) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
    (br_if $more (i32.eqz (i32.load8_u (i32.const 256)))))
  (call $well))
