import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Time functions parse, shift and format times', async t => {
  const f = agentTable(t)

  f('{{toDate "2006-01-02 15:04" "2024-03-05 10:20"}}', '2024-03-05 10:20:00 +0000 UTC')
  f(
    '{{toDate "2006-01-02T15:04:05Z07:00" "2024-03-05T10:20:30+02:00"}}',
    '2024-03-05 10:20:30 +0200 +0200',
  )
  f('{{toDate "2006-01-02" "nonsense"}}', '0001-01-01 00:00:00 +0000 UTC')
  f(
    '{{toDate "2006-01-02" "2024-03-05" | unixEpoch}} {{toDate "2006" "1960" | unixEpoch}}',
    '1709596800 -315619200',
  )
  f(
    '{{date "2006-01-02 15:04:05 MST" 86400}} {{date "15:04" (int64 3600)}} {{htmlDate 0}} {{htmlDateInZone 0 "Asia/Tokyo"}}',
    '1970-01-02 00:00:00 UTC 01:00 1970-01-01 1970-01-01',
  )
  f(
    '{{dateInZone "2006-01-02 15:04 MST" 0 "Europe/Berlin"}} {{date_in_zone "15:04" 0 "No/Where"}}',
    '1970-01-01 01:00 CET 00:00',
  )
  f(
    '{{$t := toDate "2006-01-02 15:04" "2024-01-31 10:20"}}{{$t.Year}} {{$t.Month}} {{$t.Day}} {{$t.Hour}}:{{$t.Minute}}:{{$t.Second}}.{{$t.Nanosecond}} {{$t.Weekday}} {{$t.YearDay}}',
    '2024 January 31 10:20:0.0 Wednesday 31',
  )
  f(
    '{{$t := toDate "2006-01-02 15:04" "2024-01-31 10:20"}}{{$t.Unix}} {{$t.UnixMilli}} {{$t.UnixMicro}} {{$t.UnixNano}} {{$t.IsZero}} {{(toDate "2006" "x").IsZero}}',
    '1706696400 1706696400000 1706696400000000 1706696400000000000 false true',
  )
  f(
    '{{$t := toDate "2006-01-02 15:04" "2024-01-31 10:20"}}{{$t.AddDate 0 1 0}} {{($t.AddDate -1 -2 3).Format "Jan 2 2006"}}',
    '2024-03-02 10:20:00 +0000 UTC Dec 4 2022',
  )
  f(
    '{{$t := toDate "2006-01-02 15:04" "2024-01-31 10:20"}}{{$u := $t.AddDate 0 0 1}}{{$u.Sub $t}} {{($u.Sub $t).Hours}} {{$t.Before $u}} {{$t.After $u}} {{$t.Equal $t}} {{$t.Compare $u}}',
    '24h0m0s 24 true false true -1',
  )
  f(
    '{{$t := toDate "2006-01-02 15:04" "2024-01-31 10:20"}}{{dateModify "-1h30m" $t | date "15:04"}} {{dateModify "nope" $t | date "15:04"}} {{date_modify "1ns" $t}} {{mustDateModify "24h" $t | htmlDate}}',
    '08:50 10:20 2024-01-31 10:20:00.000000001 +0000 UTC 2024-02-01',
  )
  f(
    '{{duration 95}}|{{duration "95"}}|{{duration (int64 3600)}}|{{duration "x"}}',
    '0s|1m35s|1h0m0s|0s',
  )
  f(
    '{{durationRound "2h10m"}} {{durationRound "400h"}} {{durationRound "9000h"}} {{durationRound "90s"}} {{durationRound "1s"}} {{durationRound "-3h"}} {{durationRound "x"}} {{durationRound (int64 61000000000)}}',
    '2h 16d 1y 1m 0s 3h 0s 1m',
  )
  f(
    '{{printf "%s %v %T" (toDate "2006" "2024") (toDate "2006" "2024").Month (toDate "2006" "2024").Weekday}}',
    '2024-01-01 00:00:00 +0000 UTC January time.Weekday',
  )
  f('{{if toDate "2006" "x"}}a time is always true{{end}}', 'a time is always true')
})
