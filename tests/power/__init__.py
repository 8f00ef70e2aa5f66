"""Power cuts and kills over the whole life of downloads: the disks, the workload, and one checker of what must hold after each.

with PowerCut(tmp_path) as disks, Workload(disks.state, disks.files, seed=7) as workload:
    workload.start()
    disks.cut()
    workload.kill()
    disks.restore()
    check_invariants(disks.state, disks.files, workload.truth, workload.acknowledged)
"""
