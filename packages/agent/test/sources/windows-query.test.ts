import { test } from 'tap'
import { channelQueries, formatBookmark, parseBookmark } from '../../src/sources/windows-query.ts'

test('channelQueries accepts a channel with an XPath', async t => {
  t.strictSame(channelQueries('System', ''), [{ channel: 'System', xpath: '*', list: undefined }])
  t.strictSame(channelQueries('System', ' Event/System[EventID=999] '), [
    { channel: 'System', xpath: 'Event/System[EventID=999]', list: undefined },
  ])
})

test('channelQueries splits a list by channel', async t => {
  const list = `<QueryList>
    <Query Id="0" Path="Application">
      <Select>*[System[Level &lt;= 3]]</Select>
      <Select Path="Security">*[System[(EventID=4624)]]</Select>
      <Suppress Path="Application">*[System[EventID=1]]</Suppress>
    </Query>
    <Query Id="1"><Select Path="SECURITY">*[EventData[Data='a"b']]</Select></Query>
  </QueryList>`
  t.strictSame(
    channelQueries('ignored', list).map(({ channel, list }) => [channel, list]),
    [
      [
        'Application',
        '<QueryList><Query Id="0" Path="Application"><Select Path="Application">*[System[Level &lt;= 3]]</Select><Suppress Path="Application">*[System[EventID=1]]</Suppress></Query></QueryList>',
      ],
      [
        'Security',
        '<QueryList><Query Id="0" Path="Security"><Select Path="Security">*[System[(EventID=4624)]]</Select></Query><Query Id="1" Path="Security"><Select Path="Security">*[EventData[Data=&apos;a&quot;b&apos;]]</Select></Query></QueryList>',
      ],
    ],
  )
})

test('channelQueries rejects what cannot be read', async t => {
  t.throws(() => channelQueries('', '*'), /needs eventlog_name/)
  t.throws(() => channelQueries('', '<QueryList><Query></QueryList>'), /not XML/)
  t.throws(() => channelQueries('', '<QueryList/>'), /without a Select/)
  t.throws(() => channelQueries('', '<QueryList><Query><Select>*</Select></Query></QueryList>'), {
    message: /without a Path/,
  })
  const file = '<QueryList><Query><Select Path="file://c:\\a.evtx">*</Select></Query></QueryList>'
  t.throws(() => channelQueries('', file), /of a file, file:/)
  const selects = Array.from({ length: 257 }, (_, i) => `<Select Path="c${i}">*</Select>`)
  t.throws(() => channelQueries('', `<QueryList><Query>${selects.join('')}</Query></QueryList>`), {
    message: /257 channels, at most 256/,
  })
})

test('Bookmarks are read and written', async t => {
  const places = new Map([
    ["Micro'soft & Co/Admin", 12],
    ['System', 0],
  ])
  t.strictSame(parseBookmark(formatBookmark(places)), places)
  t.match(formatBookmark(places), /RecordId='0' IsCurrent='true'\/><\/BookmarkList>$/)
  t.equal(parseBookmark('').size, 0)
  t.equal(parseBookmark('<BookmarkList Direction="backward"/>').size, 0)
  t.throws(() => parseBookmark('<BookmarkList><Bookmark'))
  t.equal(
    parseBookmark("<BookmarkList><Bookmark Channel='a' RecordId='x'/></BookmarkList>").size,
    0,
  )
})
