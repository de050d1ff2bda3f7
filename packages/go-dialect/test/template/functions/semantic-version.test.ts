import { test } from 'tap'
import { agentTable } from '../render.ts'

test('Versions are compared with constraints and split into parts', async t => {
  const f = agentTable(t)

  f(
    '{{semverCompare ">=1.2.0" "1.2.3"}} {{semverCompare "<1.2" "1.2.3"}} {{semverCompare "^1.1" "1.9.0"}} {{semverCompare "^1.1" "2.0.0"}} {{semverCompare "~1.2.0" "1.2.9"}} {{semverCompare "~1.2.0" "1.3.0"}}',
    'true false true false true false',
  )
  f(
    '{{semverCompare "1.x" "1.5.0"}} {{semverCompare "!=1.2.3" "1.2.3"}} {{semverCompare "!=1.2.3" "1.2.4"}} {{semverCompare ">=1.2, <2" "1.9.9"}} {{semverCompare ">=1.2 <2" "2.0.0"}} {{semverCompare "<1 || >2" "2.5.0"}} {{semverCompare "1.2 - 1.4" "1.3.0"}} {{semverCompare "=>1.0" "1.0.0"}}',
    'true false true true false false true true',
  )
  f(
    '{{semverCompare ">=1.0.0" "1.1.0-rc.1"}} {{semverCompare ">=1.0.0-0" "1.1.0-rc.1"}} {{semverCompare "*" "3.2.1"}} {{semverCompare "1.2.3" "v1.2.3"}}',
    'false true true true',
  )
  f(
    '{{$v := semver "v1.2.3-rc.1+build.5"}}{{$v.Major}}.{{$v.Minor}}.{{$v.Patch}} {{$v.Prerelease}} {{$v.Metadata}} {{$v.Original}} {{$v}} {{semver "1.2"}}',
    '1.2.3 rc.1 build.5 v1.2.3-rc.1+build.5 1.2.3-rc.1+build.5 1.2.0',
  )
})
