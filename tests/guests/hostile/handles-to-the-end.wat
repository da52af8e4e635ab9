;; Starts requests, as many as it may hold, and holds them to the end.
(func (export "handle") (param $turn i32) (result i32)
  (local $count i32)
  (loop $more
    (call $start (i32.const 48) (i32.const 3) (i32.const 64) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
    (local.set $count (i32.add (local.get $count) (i32.const 1)))
    (br_if $more
      (i32.and (i32.eqz (i32.load8_u (i32.const 256))) (i32.lt_u (local.get $count) (i32.const 64)))))
  (call $well))
