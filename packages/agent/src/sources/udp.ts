// Sockets that receive datagrams.

import dgram from 'node:dgram'
import { isIPv6 } from 'node:net'
import { receiveBufferBytes } from '../limits.ts'
import { formatAddress, type ListenAddress } from './listen-address.ts'
import { listening } from './probe.ts'

/** Makes a socket for the address's family. */
export function createUdpSocket({ host }: ListenAddress): dgram.Socket {
  return dgram.createSocket(isIPv6(host ?? '') ? 'udp6' : 'udp4')
}

/** Binds a socket, with a large buffer. Returns where it listens, or rejects with the system's error. */
export async function bindUdp(
  socket: dgram.Socket,
  { host, port }: ListenAddress,
): Promise<string> {
  socket.bind({ port, ...(host === undefined ? {} : { address: host }) })
  await listening(socket)
  try {
    socket.setRecvBufferSize(receiveBufferBytes)
  } catch {
    // The system allows only a smaller buffer, so bursts may lose datagrams sooner.
  }
  const bound = socket.address()
  return `udp ${formatAddress({ host: bound.address, port: bound.port })}`
}
