"""The transfer plane in child processes, behind `ports.Worker`: the pool here, and what answers it there."""
