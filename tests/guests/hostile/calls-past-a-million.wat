;; Asks a million times whether it was stopped, and once more.
(func (export "handle") (param $turn i32) (result i32)
  (local $left i32)
  (local.set $left (i32.const 1000001))
  (loop $on
    (drop (call $cancelled))
    (br_if $on (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
  (call $well))
