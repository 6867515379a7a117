"""Waiting for data: one read told five times, and thousands waited for at once. Who copies, who pays?"""
