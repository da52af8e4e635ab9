;; Is refused 4 GiB, and goes on without.
(func (export "handle") (param $turn i32) (result i32)
  (drop (memory.grow (i32.const 65000)))
  (call $well))
