;; Says that it cost what is no number, and all tokens there are.
(func (export "handle") (param $turn i32) (result i32)
  (drop (call $well))
  (i32.store8 (i32.const 536) (i32.const 1))
  (i64.store (i32.const 544) (i64.const -1))
  (i64.store (i32.const 552) (i64.const -1))
  (i32.store8 (i32.const 560) (i32.const 1))
  (f64.store (i32.const 568) (f64.const nan))
  (i32.const 512))
