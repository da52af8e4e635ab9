;; Waits for one operation five thousand times in one call.
(func (export "handle") (param $turn i32) (result i32)
  (local $at i32) (local $op i32)
  (local.set $op (call $op))
  (loop $next
    (i32.store (i32.add (i32.const 4096) (i32.mul (local.get $at) (i32.const 4))) (local.get $op))
    (local.set $at (i32.add (local.get $at) (i32.const 1)))
    (br_if $next (i32.lt_u (local.get $at) (i32.const 5000))))
  (call $wait (i32.const 4096) (i32.const 5000) (i32.const 0) (i32.const 0) (i32.const 256))
  (call $well))
