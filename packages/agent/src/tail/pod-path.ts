// What the path of a container's log says about it, where no API server is asked:
//
//   /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart>.log
//   /var/log/containers/<pod>_<namespace>_<container>-<id>.log
//   /var/lib/docker/containers/<id>/<id>-json.log, and the name that Docker keeps beside it
//
// The labels are offered per file to `__path__` targets whose job asks for them (`path_labels: true`).
// `job` is namespace/container: the promtail chart has namespace/app, but an app label is known only
// to the API server, and the container's name comes closest.

import { dockerNameOf } from './docker-name.ts'

const podsPath = /\/pods\/([^/_]+)_([^/_]+)_([^/_]+)\/([^/]+)\/(\d+)\.log[^/]*$/
const containersPath = /\/containers\/([^/_]+)_([^/_]+)_(.+)-([0-9a-f]{12,64})\.log$/
const dockerPath = /\/containers\/([0-9a-f]{12,64})\/\1-json\.log[^/]*$/
// Short ids, as people use them to distinguish containers.
const shortIdLength = 12

/** Returns the labels in a path, or none for paths of another form. */
export function labelsFromPath(path: string): ReadonlyMap<string, string> {
  const pods = podsPath.exec(path)
  if (pods) return podLabels({ namespace: pods[1]!, pod: pods[2]!, container: pods[4]! })
  const containers = containersPath.exec(path)
  if (containers) {
    return podLabels({
      namespace: containers[2]!,
      pod: containers[1]!,
      container: containers[3]!,
    })
  }
  const docker = dockerPath.exec(path)
  if (docker) {
    return new Map([
      ['job', 'docker'],
      ['container', dockerNameOf(path) ?? docker[1]!.slice(0, shortIdLength)],
    ])
  }
  return new Map()
}

function podLabels(of: {
  readonly namespace: string
  readonly pod: string
  readonly container: string
}): ReadonlyMap<string, string> {
  const { namespace, pod, container } = of
  return new Map([
    ['namespace', namespace],
    ['pod', pod],
    ['container', container],
    ['job', `${namespace}/${container}`],
  ])
}
