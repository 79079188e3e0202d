import re, time, cProfile, pstats
import pytest
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice
from appointment.tests.test_desk_day import *
import appointment.tests.test_desk_day as t
from django_otp import DEVICE_ID_SESSION_KEY
import time
for n in list(globals()):
    if n.startswith("test_"): del globals()[n]

def test_cost(member, here, settings, capsys):
    settings.ADMIN_SECOND_FACTOR = True
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if not each.startswith("zeal")]
    device = TOTPDevice.objects.create(user=member, name="x", confirmed=True)
    desk = signed_in(member)
    s = desk.session; s[DEVICE_ID_SESSION_KEY] = device.persistent_id; s.save()
    fill(here, 30, 20)
    open_day(desk, here)
    with counted_statements() as page:
        html = open_day(desk, here)
    print(len(page))
    with counted_statements() as r:
        a = refresh(desk, html)
    print(a.status_code, len(r))
    for q in page: print(str(q)[:160])
    ts=[]
    for _ in range(5):
        b=time.process_time(); open_day(desk, here); ts.append(time.process_time()-b)
    rs=[]
    for _ in range(5):
        b=time.process_time(); refresh(desk, html); rs.append(time.process_time()-b)
    print(min(ts), min(rs))
    with time_machine.travel(NOON+timedelta(minutes=1), tick=False):
        rs=[]
        for _ in range(5):
            b=time.process_time(); a=refresh(desk, html); rs.append(time.process_time()-b)
        print("minute", a.status_code, len(a.content), min(rs))
    p=cProfile.Profile(); p.enable(); open_day(desk, here); p.disable()
    pstats.Stats(p).sort_stats("tottime").print_stats(22)
    p=cProfile.Profile(); p.enable(); refresh(desk, html); p.disable()
    pstats.Stats(p).sort_stats("tottime").print_stats(22)
