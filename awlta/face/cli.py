"""tmp"""
import sys
def main():
    from awlta.services import find_service
    return find_service(sys.argv[2])(sys.argv[3:])
