// Runs LogWriter in a process. argv[2] is WriterOptions as JSON; commands and events use the IPC
// channel.

import { LogWriter, type WriterCommand, type WriterOptions } from './log-writer.ts'

const send = process.send?.bind(process)
if (!send) throw new Error('Start this with fork()')
const writer = new LogWriter(JSON.parse(process.argv[2] ?? '') as WriterOptions)
process.on('message', async (command: WriterCommand) => {
  if (command.kind === 'begin') send(await writer.run())
  else if (command.kind === 'end') send(writer.end(), () => process.exit(0))
  else send(writer.obey(command))
})
// A test that ends early takes its writer with it.
process.on('disconnect', () => process.exit(1))
