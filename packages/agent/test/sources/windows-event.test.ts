import { test } from 'tap'
import { formatWindowsEvent, parseWindowsEvent } from '../../src/sources/windows-event.ts'

const all = { hasEventData: true, hasUserData: true, hasMessage: true }
const ns = "xmlns='http://schemas.microsoft.com/win/2004/08/events/event'"
const whole = `<Event ${ns}><System><Provider Name='Application'/><EventID>10</EventID><Version>20</Version><Level>30</Level><Task>40</Task><Opcode>50</Opcode><Keywords>0x8</Keywords><TimeCreated SystemTime='1970-01-01T00:00:00.000000001Z'/><EventRecordID>11</EventRecordID><Correlation ActivityID='some activity' RelatedActivityID='some related activity'/><Execution ProcessID='1' ThreadID='5'/><Channel>channel</Channel><Computer>local</Computer><Security UserID='1'/></System><UserData><a:Cleared xmlns:a='x'><Name>n &amp; m</Name></a:Cleared></UserData><RenderingInfo Culture='en-US'><Message>one &lt;\r\r\ntwo\nthree</Message><Level>Error</Level><Task>T</Task><Opcode>O</Opcode><Keywords><Keyword>k</Keyword><Keyword/><Keyword>l</Keyword></Keywords></RenderingInfo></Event>`

test('formatWindowsEvent writes Promtail’s fields in its order', async t => {
  t.equal(
    formatWindowsEvent(parseWindowsEvent(whole), all),
    '{"source":"Application","channel":"channel","computer":"local","event_id":10,"version":20,"level":30,"task":40,"opCode":50,"levelText":"Error","taskText":"T","opCodeText":"O","keywords":"k,l","timeCreated":"1970-01-01T00:00:00.000000001Z","eventRecordID":11,"correlation":{"activityID":"some activity","relatedActivityID":"some related activity"},"execution":{"processId":1,"threadId":5},"security":{"userId":"1"},"user_data":"\\u003ca:Cleared xmlns:a=\'x\'\\u003e\\u003cName\\u003en \\u0026amp; m\\u003c/Name\\u003e\\u003c/a:Cleared\\u003e","message":"one \\u003c\\r\\ntwo\\r\\nthree"}',
  )
})

test('formatWindowsEvent leaves out what is excluded, empty or 0', async t => {
  const none = { hasEventData: false, hasUserData: false, hasMessage: false }
  const line = formatWindowsEvent(parseWindowsEvent(whole), none)
  t.notMatch(line, /user_data|message/)
  const bare = `<Event ${ns}><System><EventID>0</EventID><Level>x</Level><Correlation/><Execution ProcessID='0' ThreadID='9'/><Keywords>0x8</Keywords><Channel>c</Channel></System><EventData><Data>1</Data></EventData></Event>`
  t.equal(
    formatWindowsEvent(parseWindowsEvent(bare), { ...all, hasEventData: false }),
    '{"channel":"c","keywords":"0x8"}',
  )
  t.equal(formatWindowsEvent(parseWindowsEvent('nothing'), all), '{}')
})

test('parseWindowsEvent reports what is wrong, and reads as much as possible', async t => {
  for (const cut of [100, 400, 700, whole.length - 3]) {
    const event = parseWindowsEvent(whole.slice(0, cut))
    t.type(event.flaw, 'string', `cut at ${cut}`)
    if (cut >= 700) t.match(event, { recordId: 11, channel: 'channel', computer: 'local' })
  }
  const stray = parseWindowsEvent(whole.replace('n &amp; m', '&#x3; < & \u0003'))
  t.match(stray, { recordId: 11, channel: 'channel' })
  t.type(stray.flaw, 'string')
  const deep = parseWindowsEvent(whole.replace('<Name>', '<Name>'.repeat(10_000)))
  t.match(deep.flaw, /more than 100 elements/)
  t.equal(deep.recordId, 11)
  t.equal(parseWindowsEvent(whole).flaw, undefined)
  const raw = parseWindowsEvent(whole.replace('n &amp; m', 'control \u0003'))
  t.equal(raw.flaw, undefined, 'Windows prints control characters as they are')
})
