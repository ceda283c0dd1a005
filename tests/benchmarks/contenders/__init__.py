"""What is measured, one module per engine, each written the way that engine's own experts would.

A function takes the case's parameters, opens what it needs, warms its libraries up, and gives back the job: a callable
without arguments, whose run is timed and whose answer is compared with the others'.
"""
