// Labels from the path of a container's log, without asking an API server:
//
//   /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restart>.log
//   /var/log/containers/<pod>_<namespace>_<container>-<id>.log
//   /var/lib/docker/containers/<id>/<id>-json.log, and the name that Docker stores next to it
//
// `__path__` targets get them for each file if their job asks for them (`path_labels: true`). `job` is
// namespace/container. The promtail chart uses namespace/app, but only the API server knows an app label,
// and the container's name comes closest.

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
