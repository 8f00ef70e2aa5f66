"""Power cuts and kills over the whole life of downloads: the disks, the workload, and one checker of what must hold after each.

    with PowerCut(tmp_path) as disks, Workload(disks.state, disks.files, tmp_path / "elsewhere", Random(7)) as workload:
        workload.start()
        workload.command_along()
        workload.freeze()
        disks.cut()
        workload.kill()
        disks.restore()
        assert workload.take_stock() == []

What a scenario draws, it draws from one seed, so that it can be had again.
"""
