;; What every guest of this folder is wrapped in, unless it is a whole component itself: the contract's imports, lowered
;; for a core module whose fields are the guest's file. The file exports `handle`; a `realloc` or a `post-return` that it
;; exports is used in place of the shell's own, and a `migrate` makes it a migrator.
;;
;; Memory: 256 is where the host writes what it returns, 512 where `handle` returns, 1024 and further is the guest's, and
;; what the host asks room for lies beyond 65,536.
(component
  (import "sophon:agent/types@0.1.0" (instance $types
    (type $role' (enum "user" "agent" "system"))
    (export "role" (type $role (eq $role')))
    (type $attachment' (record (field "id" string) (field "mime" string) (field "size" u64) (field "name" (option string))))
    (export "attachment" (type $attachment (eq $attachment')))
    (type $past' (record (field "id" string) (field "role" $role) (field "text" string) (field "at" u64)))
    (export "past-message" (type $past (eq $past')))
    (type $effort' (enum "standard" "extended" "maximum"))
    (export "effort" (type $effort (eq $effort')))
    (type $turn' (record
      (field "session" string) (field "title" (option string)) (field "interaction" string) (field "message" string)
      (field "text" string) (field "attachments" (list $attachment)) (field "reply-to" (option string))
      (field "history" (list $past)) (field "effort" $effort) (field "locale" (option string)) (field "now" u64)))
    (export "turn" (type $turn (eq $turn')))
    (type $usage' (record
      (field "input-tokens" u64) (field "output-tokens" u64) (field "cost-usd" (option f64))
      (field "model" (option string)) (field "provider" (option string))))
    (export "usage" (type $usage (eq $usage')))
    (type $finish' (enum "stop" "length" "content-filter" "tool-call"))
    (export "finish" (type $finish (eq $finish')))
    (type $outcome' (record (field "text" (option string)) (field "usage" (option $usage)) (field "finish" $finish)))
    (export "outcome" (type $outcome (eq $outcome')))
    (type $denial' (record (field "rule" string) (field "hint" string)))
    (export "denial" (type $denial (eq $denial')))
    (type $failure' (variant
      (case "denied" $denial) (case "cancelled") (case "limit" string) (case "invalid" string)
      (case "unavailable" string) (case "other" string)))
    (export "failure" (type $failure (eq $failure')))))
  (alias export $types "turn" (type $turn))
  (alias export $types "outcome" (type $outcome))
  (alias export $types "failure" (type $failure))

  (import "sophon:agent/reply@0.1.0" (instance $reply
    (export "failure" (type $f (eq $failure)))
    (export "write" (func (param "text" string) (result (result (error $f)))))))
  (import "sophon:agent/task@0.1.0" (instance $task
    (export "failure" (type $f (eq $failure)))
    (export "card" (type $card (sub resource)))
    (export "[static]card.open" (func
      (param "kind" string) (param "label" string) (param "args" (option string)) (result (result (own $card) (error $f)))))
    (export "[method]card.progress" (func
      (param "self" (borrow $card)) (param "percent" (option u8)) (param "label" (option string))
      (param "partial" (option string)) (result (result (error $f)))))
    (export "[method]card.complete" (func
      (param "self" (borrow $card)) (param "res" (option string)) (result (result (error $f)))))))
  (alias export $task "card" (type $card))
  (import "sophon:agent/operation@0.1.0" (instance $operation
    (export "op" (type $op (sub resource)))
    (export "[method]op.ready" (func (param "self" (borrow $op)) (result bool)))
    (type $wake' (variant (case "ready" u32) (case "timeout") (case "cancelled")))
    (export "wake" (type $wake (eq $wake')))
    (export "wait-any" (func (param "on" (list (borrow $op))) (param "timeout-ms" (option u32)) (result $wake)))))
  (alias export $operation "op" (type $op))
  (import "sophon:agent/http@0.1.0" (instance $http
    (export "failure" (type $f (eq $failure)))
    (export "op" (type $op' (eq $op)))
    (type $header' (tuple string (list u8)))
    (export "header" (type $header (eq $header')))
    (type $request' (record
      (field "method" string) (field "url" string) (field "headers" (list $header)) (field "body" (list u8))
      (field "timeout-ms" (option u32)) (field "reason" (option string))))
    (export "request" (type $request (eq $request')))
    (export "response" (type $response (sub resource)))
    (export "[method]response.status" (func (param "self" (borrow $response)) (result u16)))
    (export "start" (func (param "what" $request) (result (result (own $op') (error $f)))))
    (export "finish" (func (param "op" (own $op')) (result (result (own $response) (error $f)))))))
  (alias export $http "response" (type $response))
  (import "sophon:agent/state@0.1.0" (instance $state
    (export "failure" (type $f (eq $failure)))
    (type $scope' (enum "session" "agent"))
    (export "scope" (type $scope (eq $scope')))
    (export "get" (func (param "scope" $scope) (param "key" string) (result (result (option (list u8)) (error $f)))))
    (export "set" (func
      (param "scope" $scope) (param "key" string) (param "value" (list u8)) (result (result (error $f)))))))
  (import "sophon:agent/config@0.1.0" (instance $config
    (export "get" (func (param "key" string) (result (option string))))))
  (import "sophon:agent/control@0.1.0" (instance $control (export "cancelled" (func (result bool)))))
  (import "sophon:agent/entropy@0.1.0" (instance $entropy (export "bytes" (func (param "len" u32) (result (list u8))))))
  (import "sophon:agent/log@0.1.0" (instance $log
    (type $level' (enum "trace" "debug" "info" "warn" "error"))
    (export "level" (type $level (eq $level')))
    (export "write" (func (param "level" $level) (param "text" string)))))

  ;; Memory, and room in it that is never given back.
  (core module $libc
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and
        (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
        (i32.sub (i32.const 0) (local.get $align))))
      (global.set $next (i32.add (local.get $at) (local.get $size)))
      (block $fits
        (loop $grow
          (br_if $fits (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
          (br_if $grow (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))
          unreachable))
      (local.get $at)))
  (core instance $libc (instantiate $libc))
  (alias core export $libc "memory" (core memory $memory))
  (alias core export $libc "realloc" (core func $room))

  (core func $reply (canon lower (func $reply "write") (memory $memory) (realloc $room)))
  (core func $open (canon lower (func $task "[static]card.open") (memory $memory) (realloc $room)))
  (core func $progress (canon lower (func $task "[method]card.progress") (memory $memory) (realloc $room)))
  (core func $complete (canon lower (func $task "[method]card.complete") (memory $memory) (realloc $room)))
  (core func $drop-card (canon resource.drop $card))
  (core func $ready (canon lower (func $operation "[method]op.ready") (memory $memory)))
  (core func $wait (canon lower (func $operation "wait-any") (memory $memory)))
  (core func $drop-op (canon resource.drop $op))
  (core func $start (canon lower (func $http "start") (memory $memory) (realloc $room)))
  (core func $finish (canon lower (func $http "finish") (memory $memory) (realloc $room)))
  (core func $status (canon lower (func $http "[method]response.status") (memory $memory)))
  (core func $get (canon lower (func $state "get") (memory $memory) (realloc $room)))
  (core func $set (canon lower (func $state "set") (memory $memory) (realloc $room)))
  (core func $config (canon lower (func $config "get") (memory $memory) (realloc $room)))
  (core func $cancelled (canon lower (func $control "cancelled")))
  (core func $entropy (canon lower (func $entropy "bytes") (memory $memory) (realloc $room)))
  (core func $log (canon lower (func $log "write") (memory $memory)))

  (core module $guest
    (import "libc" "memory" (memory $memory 1))
    ;; Functions that return more than a number take, last, where to write it.
    (import "host" "reply" (func $reply (param $text i32) (param $len i32) (param $to i32)))
    (import "host" "open" (func $open (param $kind i32) (param i32) (param $label i32) (param i32)
      (param $args? i32) (param i32) (param i32) (param $to i32)))
    (import "host" "progress" (func $progress (param $card i32) (param $percent? i32) (param i32)
      (param $label? i32) (param i32) (param i32) (param $partial? i32) (param i32) (param i32) (param $to i32)))
    (import "host" "complete" (func $complete
      (param $card i32) (param $result? i32) (param i32) (param i32) (param $to i32)))
    (import "host" "drop-card" (func $drop-card (param $card i32)))
    (import "host" "ready" (func $ready (param $op i32) (result i32)))
    (import "host" "wait" (func $wait (param $ops i32) (param $len i32) (param $time? i32) (param i32) (param $to i32)))
    (import "host" "drop-op" (func $drop-op (param $op i32)))
    (import "host" "start" (func $start
      (param $method i32) (param i32) (param $url i32) (param i32) (param $headers i32) (param i32) (param $body i32)
      (param i32) (param $time? i32) (param i32) (param $reason? i32) (param i32) (param i32) (param $to i32)))
    (import "host" "finish" (func $finish (param $op i32) (param $to i32)))
    (import "host" "status" (func $status (param $response i32) (result i32)))
    (import "host" "get" (func $get (param $scope i32) (param $key i32) (param i32) (param $to i32)))
    (import "host" "set" (func $set
      (param $scope i32) (param $key i32) (param i32) (param $value i32) (param i32) (param $to i32)))
    (import "host" "config" (func $config (param $key i32) (param i32) (param $to i32)))
    (import "host" "cancelled" (func $cancelled (result i32)))
    (import "host" "entropy" (func $entropy (param $len i32) (param $to i32)))
    (import "host" "log" (func $log (param $level i32) (param $text i32) (param $len i32)))

    (data (i32.const 16) "still here")
    (data (i32.const 32) "probe")
    (data (i32.const 48) "GET")

    ;; Ends well, with this text.
    (func $answer (param $text i32) (param $len i32) (result i32)
      (i32.store8 (i32.const 512) (i32.const 0))
      (i32.store8 (i32.const 520) (i32.const 1))
      (i32.store (i32.const 524) (local.get $text))
      (i32.store (i32.const 528) (local.get $len))
      (i32.const 512))
    ;; Ends well, with words that say so.
    (func $well (result i32) (call $answer (i32.const 16) (i32.const 10)))
    ;; Shows a card; gives its handle.
    (func $card (result i32)
      (call $open (i32.const 32) (i32.const 5) (i32.const 16) (i32.const 10)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
      (if (i32.load8_u (i32.const 256)) (then unreachable))
      (i32.load (i32.const 260)))
    ;; Starts a request that nothing wants; gives its handle.
    (func $op (result i32)
      (call $start (i32.const 48) (i32.const 3) (i32.const 64) (i32.const 16) (i32.const 0) (i32.const 0) (i32.const 0)
        (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 256))
      (if (i32.load8_u (i32.const 256)) (then unreachable))
      (i32.load (i32.const 260)))
    (data (i32.const 64) "http://a.example")
    ;; Writes text.
    (func $say (param $text i32) (param $len i32) (call $reply (local.get $text) (local.get $len) (i32.const 256)))

    ;; The guest.
{{guest}}
  )
  (core instance $guest (instantiate $guest
    (with "libc" (instance $libc))
    (with "host" (instance
      (export "reply" (func $reply)) (export "open" (func $open)) (export "progress" (func $progress))
      (export "complete" (func $complete)) (export "drop-card" (func $drop-card)) (export "ready" (func $ready))
      (export "wait" (func $wait)) (export "drop-op" (func $drop-op)) (export "start" (func $start))
      (export "finish" (func $finish)) (export "status" (func $status)) (export "get" (func $get))
      (export "set" (func $set)) (export "config" (func $config)) (export "cancelled" (func $cancelled))
      (export "entropy" (func $entropy)) (export "log" (func $log))))))
  (func $handle (param "turn" $turn) (result (result $outcome (error $failure)))
    (canon lift (core func $guest "handle") (memory $memory) (realloc (core func {{realloc}})) {{post-return}}))
  (instance $handler (export "handle" (func $handle)))
{{migrator}}
  (export "sophon:agent/handler@0.1.0" (instance $handler)))
